"""Everything that changes the world of a source or of a pipeline, each as one job that does what its DAG does."""

import time
from collections.abc import Callable
from datetime import timedelta

from pg2es.core.config import Pipeline, Verification
from pg2es.core.errors import ConnectorError
from pg2es.core.stream import Steering
from pg2es.services import backfill, dead_letters, recovery, reindex, stream
from pg2es.services.clients import Clients
from tests.integration.batch import run_backfill

DAY = timedelta(days=1)

Job = Callable[[Clients, Pipeline], object]


def run_reindex(clients: Clients, pipeline: Pipeline) -> None:
    """Make another generation live."""
    index = reindex.create(clients, pipeline)
    prepared = reindex.start_stream(clients, pipeline, index)
    chunks = backfill.plan(clients, pipeline, 1)
    for chunk in chunks:
        backfill.copy_chunk(clients, pipeline, index, chunk, lane=0)
    reindex.finish_build(clients, pipeline, prepared, chunks)
    compared = reindex.verify(clients, pipeline, index, Verification.DIGEST)
    reindex.go_live(clients, pipeline, index, DAY, str(compared))


def roll_back(clients: Clients, pipeline: Pipeline) -> None:
    """Go back to the generation that was live before."""
    previous = reindex.rollback.find_previous(clients, pipeline)
    reindex.rollback.check(clients, pipeline, previous)
    reindex.rollback.go_back(clients, pipeline, previous.index, DAY)


def recover(clients: Clients, pipeline: Pipeline) -> None:
    """Let the stream of the whole source begin anew, step by step, and bring its pipelines what they missed."""
    source = clients.project.source_of(pipeline)
    recovery.stop_streams(clients, source)
    recovery.renew_slot(clients, source)
    recovery.renew_positions(clients, source)
    for name in recovery.start_streams(clients, source):
        missed = clients.project.pipeline(name)
        if not backfill.close_gap(clients, missed):
            run_backfill(clients, missed)


def mend(clients: Clients, pipeline: Pipeline) -> None:
    """Look at the connectors of the source; ConnectorError with what is wrong, as the DAG says it."""
    found = recovery.mend(clients, clients.project.source_of(pipeline), {}, time.time())
    if found.problems or found.unanswered:
        raise ConnectorError(str(found))


JOBS: dict[str, Job] = {
    "backfill": run_backfill,
    "reindex": run_reindex,
    "rollback": roll_back,
    "retire": reindex.retire,
    "mend": mend,
    "deploy": lambda clients, pipeline: stream.deploy(clients, clients.project.source_of(pipeline)),
    "resume": lambda clients, pipeline: stream.steer(
        clients, clients.project.source_of(pipeline), None, Steering.RESUME
    ),
    "recover": recover,
    "reset": lambda clients, pipeline: recovery.reset_source(clients, clients.project.source_of(pipeline)),
    "reset-pipeline": recovery.reset_pipeline,
    "remove": lambda clients, pipeline: stream.remove_source(clients, clients.project.source_of(pipeline)),
    "remove-sinks": lambda clients, pipeline: stream.remove_sinks(
        clients, clients.project.source_of(pipeline), pipeline
    ),
    "remove-orphans": recovery.remove_orphans,
    "remove-leftovers": lambda clients, pipeline: recovery.remove_leftovers(
        clients, clients.project.source_of(pipeline)
    ),
    "replay": lambda clients, pipeline: dead_letters.replay(clients, clients.project.source_of(pipeline)),
}
