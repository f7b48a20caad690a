"""Tasks of the backfill DAG, besides its chunks."""

import logging
from dataclasses import asdict
from typing import Any

from pg2es_airflow.notes import write_run_note
from pg2es_airflow.project import clients, project

log = logging.getLogger(__name__)


def prepare(pipeline: str) -> dict[str, Any]:
    """Make sure of generation, alias and stream; wait for the start fence. Return which generation is filled."""
    from pg2es.services import backfill

    prepared = backfill.prepare(clients(), project().pipeline(pipeline))
    log.info("Filling %s", prepared.index)
    return asdict(prepared)


def finish(
    pipeline: str, prepared: dict[str, Any], planned: list[dict[str, Any]], results: list[dict[str, Any]]
) -> None:
    """Put settings back, sweep, count both sides, report; fail when documents were rejected or counts differ."""
    from pg2es.core.chunks import Chunk
    from pg2es.services import backfill
    from pg2es.services.reports import write_report

    servers = clients()
    summary = backfill.finish(
        servers,
        project().pipeline(pipeline),
        backfill.Prepared(**prepared),
        [Chunk.from_json(entry["chunk"]) for entry in planned],
        list(results),
    )
    write_report(servers.elasticsearch, "backfill", pipeline, str(summary), summary.to_json())
    write_run_note(str(summary))
    backfill.check(summary)
