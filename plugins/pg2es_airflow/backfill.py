"""Tasks of the backfill DAG."""

import logging
from dataclasses import asdict
from typing import Any

from airflow.sdk import get_current_context

from pg2es_airflow.notes import write_run_note
from pg2es_airflow.project import clients, project

log = logging.getLogger(__name__)

POOL = "pg2es_backfill"
"""Pool of the chunk tasks of all pipelines: its slots bound what backfills ask of PostgreSQL and Elasticsearch."""

MAX_PARALLELISM = 8


def prepare(pipeline: str) -> dict[str, Any]:
    """Make sure of generation, alias and stream; wait for the start fence. Return which generation is filled."""
    from pg2es.services import backfill

    prepared = backfill.prepare(clients(), project().pipeline(pipeline))
    log.info("Filling %s", prepared.index)
    return asdict(prepared)


def plan_chunks(pipeline: str) -> list[dict[str, Any]]:
    """Divide the root table into chunks and return what `copy_chunk` takes for each; there are `parallelism` lanes."""
    from pg2es.services import backfill

    params = get_current_context()["params"]
    chunks = backfill.plan(clients(), project().pipeline(pipeline), params["chunks"])
    log.info("%d chunks", len(chunks))
    lanes = params["parallelism"]
    return [{"pipeline": pipeline, "chunk": chunk.to_json(), "lane": chunk.index % lanes} for chunk in chunks]


def copy_chunk(pipeline: str, chunk: dict[str, Any], lane: int) -> dict[str, Any]:
    """Refresh the roots of one chunk and return counts."""
    from pg2es.core.chunks import Chunk
    from pg2es.services import backfill

    planned = Chunk.from_json(chunk)
    result = backfill.copy_chunk(clients(), project().pipeline(pipeline), planned, lane)
    log.info("%s: %s", planned.blocks, result)
    return result.to_json()


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
