"""Backfills step by step, as the DAG runs them."""

from pg2es.core.config import Pipeline
from pg2es.services import backfill
from pg2es.services.clients import Clients
from pg2es.services.drift import compare
from pg2es.services.generations import Generation, create_generation, read_recipe, require_live_generation
from tests import oracle


def make_generation(clients: Clients, pipeline: Pipeline) -> Generation:
    """Make a live generation, which no stream feeds."""
    with clients.session(clients.project.source_of(pipeline)) as session:
        return create_generation(clients.elasticsearch, session, pipeline, read_recipe(session, pipeline), live=True)


def copy_all(clients: Clients, pipeline: Pipeline, count: int | None = None) -> list[backfill.ChunkResult]:
    """Plan and copy every chunk into the live generation, one after the other."""
    index = require_live_generation(clients.elasticsearch, pipeline).index
    chunks = backfill.plan(clients, pipeline, count)
    return [backfill.copy_chunk(clients, pipeline, index, chunk, lane=0) for chunk in chunks]


def run_backfill(clients: Clients, pipeline: Pipeline, count: int | None = None) -> backfill.Summary:
    """Run every step and return the summary, not yet judged."""
    prepared = backfill.prepare(clients, pipeline)
    chunks = backfill.plan(clients, pipeline, count)
    results = [backfill.copy_chunk(clients, pipeline, prepared.index, chunk, lane=0).to_json() for chunk in chunks]
    return backfill.finish(clients, pipeline, prepared, chunks, results)


def check_equal(clients: Clients, pipeline: Pipeline, documents: int) -> None:
    """Fail unless there are so many documents and each equals its row."""
    live = require_live_generation(clients.elasticsearch, pipeline)
    found = compare(clients, pipeline, live)
    assert found.clean, f"{found}; {found.samples}"
    assert found.equal == documents
    oracle.check(clients, pipeline, live)
