"""`pg2es backfill`, `reindex`, `rollback` and `recover`: what the DAGs of these names do, by the same steps.

Airflow tries a step again that failed for a passing reason, and starts over when what it had planned is outdated; here
the command fails, says why, and is run again.
"""

import time
from dataclasses import dataclass
from datetime import timedelta

import typer
from rich.text import Text

from pg2es.cli.console import err, out
from pg2es.cli.copying import copy
from pg2es.core.config import Pipeline, Project, Source, Verification
from pg2es.core.generations import Verdict
from pg2es.services import backfill as filling
from pg2es.services import recovery
from pg2es.services import reindex as renewing
from pg2es.services.clients import Clients
from pg2es.services.drift import make_equal
from pg2es.services.reindex import rollback as going_back


@dataclass(frozen=True)
class Copying:
    """Into how many chunks a table is divided, and how many are copied at once; None: as the pipeline's file says."""

    chunks: int | None = None
    parallelism: int | None = None


def backfill(project: Project, name: str, copying: Copying) -> None:
    """Read every row of a pipeline's table into its index, and say what was done."""
    _fill(Clients(project), project.pipeline(name), copying)


def _fill(clients: Clients, pipeline: Pipeline, copying: Copying) -> None:
    with err.status(f"Preparing the stream of {pipeline.name} …"):
        prepared = filling.prepare(clients, pipeline)
    chunks, results = copy(clients, pipeline, prepared.index, copying.chunks, copying.parallelism)
    with err.status(f"Finishing {prepared.index} …"):
        summary = filling.finish(clients, pipeline, prepared, chunks, [result.to_json() for result in results])
    out.print(Text(str(summary)))
    filling.check(summary)


@dataclass(frozen=True)
class Reindexing:
    """How a reindex is done; None: as the pipeline's file says. `yes`: nobody is asked before the alias is swapped."""

    force: bool = False
    verify: Verification | None = None
    keep_old_h: float | None = None
    take_over_index: bool = False
    yes: bool = False

    @property
    def params(self) -> dict[str, object]:
        """The Params of the DAG that say the same."""
        return {
            "force": self.force,
            "verify": self.verify,
            "keep_old_for": self.keep_old_h,
            "take_over_index": self.take_over_index,
            "approval": False if self.yes else None,
        }


def reindex(project: Project, name: str, reindexing: Reindexing, copying: Copying) -> None:
    """Make a new generation of a pipeline, verify it, and let the alias point to it; nothing when none is needed."""
    clients, pipeline = Clients(project), project.pipeline(name)
    plan = renewing.plan(clients, pipeline, take_over_index=reindexing.take_over_index)
    if plan.verdict is not Verdict.REINDEX and not reindexing.force:
        out.print(Text(f"No reindex is needed: {plan}. With --force it is done nevertheless."))
        return
    with err.status("Preparing a new generation …"):
        index = renewing.create(clients, pipeline)
        prepared = renewing.start_stream(clients, pipeline, index)
    chunks, results = copy(clients, pipeline, index, copying.chunks, copying.parallelism)
    with err.status(f"Verifying {index} …"):
        renewing.finish_build(clients, pipeline, prepared, chunks)
        samples = [sample for result in results for sample in result.samples]
        filling.check_rejected(pipeline.name, sum(result.rejected for result in results), samples)
        compared = str(renewing.verify(clients, pipeline, index, reindexing.verify or pipeline.reindex.verify))
        renewing.run_smoke_queries(clients, pipeline, index)
    if pipeline.reindex.approval and not reindexing.yes:
        typer.confirm(f"Verified: {compared}\nLet {pipeline.alias} point to {index}?", abort=True)
    out.print(Text(renewing.go_live(clients, pipeline, index, _keep(pipeline, reindexing.keep_old_h), compared)))
    renewing.retire(clients, pipeline)


def rollback(project: Project, name: str, keep_old_h: float | None) -> None:
    """Let the alias of a pipeline point to the generation that it replaced, once that is found equal."""
    clients, pipeline = Clients(project), project.pipeline(name)
    previous = going_back.find_previous(clients, pipeline)
    with err.status(f"Verifying {previous.index} …"):
        going_back.check(clients, pipeline, previous)
    out.print(Text(going_back.go_back(clients, pipeline, previous.index, _keep(pipeline, keep_old_h))))


def confirm_recovery(source: Source) -> None:
    """Ask whether what a recovery does is wanted; typer.Abort when it is not."""
    typer.confirm(
        f"Make slot {source.slot} anew, and compare every pipeline of {source.name}? Generations that are kept for a "
        f"rollback, or that a reindex fills, are removed.",
        abort=True,
    )


def recover(project: Project, name: str) -> None:
    """Let the stream of a source begin anew, and bring what it has missed into each index."""
    clients, source = Clients(project), project.source(name)
    with err.status(f"Renewing the stream of {name} …"):
        missed, adopted = recovery.recover_source(clients, source)
    begun = time.monotonic()
    for pipeline in map(project.pipeline, missed):
        with err.status(f"Comparing {pipeline.alias} with PostgreSQL …"):
            equal = filling.close_gap(clients, pipeline)
        if equal:
            out.print(Text(f"{pipeline.name}: compared, equal."))
            continue
        _fill(clients, pipeline, Copying())
        out.print(Text(str(make_equal(clients, pipeline))))
    if adopted:
        with err.status("Waiting until nothing is on its way any more that was read from the old database …"):
            time.sleep(max(0, recovery.SETTLED_S - (time.monotonic() - begun)))
        for pipeline in map(project.pipeline, missed):
            out.print(Text(str(make_equal(clients, pipeline))))
    out.print(Text(f"Source {name} streams again."))


def _keep(pipeline: Pipeline, hours: float | None) -> timedelta:
    return timedelta(hours=pipeline.reindex.keep_old_h if hours is None else hours)
