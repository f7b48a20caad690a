"""Tasks of the backfill DAG, besides its chunks."""

import logging
from dataclasses import asdict
from typing import Any

from pg2es_airflow.notes import write_run_note
from pg2es_airflow.patience import PATIENCE_S
from pg2es_airflow.project import of_pipeline

log = logging.getLogger(__name__)


def prepare(pipeline: str) -> dict[str, Any]:
    """Make sure of generation, alias and stream; wait for the start fence. Return which generation is filled.

    Raises FenceNotPassed when transactions hold it up, whereupon it may be called again.
    """
    from pg2es.services import backfill

    prepared = backfill.prepare(*of_pipeline(pipeline), PATIENCE_S)
    log.info("Filling %s", prepared.index)
    return asdict(prepared)


def finish(
    pipeline: str, prepared: dict[str, Any], planned: list[dict[str, Any]], results: list[dict[str, Any]]
) -> None:
    """Put settings back, sweep, count both sides, report; fail when documents were rejected or counts differ."""
    from pg2es.core.backfill import Chunk
    from pg2es.services import backfill

    summary = backfill.finish(
        *of_pipeline(pipeline),
        backfill.Prepared(**prepared),
        [Chunk.from_json(entry["chunk"]) for entry in planned],
        list(results),
    )
    write_run_note(str(summary))
    backfill.check(summary)
