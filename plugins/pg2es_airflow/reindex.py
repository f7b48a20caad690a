"""Tasks of the reindex DAG, besides its chunks."""

import logging
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from airflow.sdk import get_current_context

from pg2es_airflow.notes import write_run_note
from pg2es_airflow.project import clients, project

log = logging.getLogger(__name__)


def plan(pipeline: str) -> dict[str, Any] | None:
    """Return the plan's verdict and differences; None, which ends the run, when there is nothing to reindex for."""
    from pg2es.core.plan import Verdict
    from pg2es.services import reindex

    params = get_current_context()["params"]
    found = reindex.plan(clients(), project().pipeline(pipeline), take_over_index=params["take_over_index"])
    log.info("%s", found)
    if found.verdict is Verdict.REINDEX or params["force"]:
        return {"verdict": found.verdict, "differences": [str(difference) for difference in found.differences]}
    hint = f"; the DAG backfill_{pipeline} does that" if found.verdict is Verdict.IN_PLACE else ""
    write_run_note(f"No reindex is needed: {found}{hint}. The Param force asks for one nevertheless.")
    return None


def create_generation(pipeline: str) -> str:
    """Make the new generation and return its index."""
    from pg2es.services import reindex

    return reindex.create(clients(), project().pipeline(pipeline))


def start_stream(pipeline: str, index: str) -> dict[str, Any]:
    """Start the new generation's own sink and wait for the start fence. Return what the chunks fill."""
    from pg2es.services import reindex

    return asdict(reindex.start_stream(clients(), project().pipeline(pipeline), index))


def finish_build(
    pipeline: str, prepared: dict[str, Any], planned: list[dict[str, Any]], results: list[dict[str, Any]]
) -> None:
    """Put settings back, sweep, wait until the index is green; fail when documents were rejected."""
    from pg2es.core.chunks import Chunk
    from pg2es.services import backfill, reindex

    chunks = [Chunk.from_json(entry["chunk"]) for entry in planned]
    reindex.finish_build(clients(), project().pipeline(pipeline), backfill.Prepared(**prepared), chunks)
    results = list(results)
    samples = [sample for result in results for sample in result["samples"]]
    backfill.check_rejected(pipeline, sum(result["rejected"] for result in results), samples)


def verify(pipeline: str, index: str) -> str:
    """Compare the new generation with PostgreSQL and return what was found; fail unless nothing differs."""
    from pg2es.core.pipeline import Verification
    from pg2es.services import reindex

    verification = Verification(get_current_context()["params"]["verify"])
    found = str(reindex.verify(clients(), project().pipeline(pipeline), index, verification))
    log.info(found)
    return found


def run_smoke_queries(pipeline: str, index: str) -> list[int]:
    """Run the pipeline file's queries on the new generation and return how many documents each finds."""
    from pg2es.services import reindex

    return reindex.run_smoke_queries(clients(), project().pipeline(pipeline), index)


def choose_approval() -> str:
    """Return the task that comes next: somebody's approval, or the swap at once."""
    return "approve" if get_current_context()["params"]["approval"] else "swap"


def swap(pipeline: str, index: str, compared: str) -> None:
    """Let the alias point to the new generation."""
    from pg2es.services import reindex
    from pg2es.services.reports import write_report
    from pg2es.services.swap import swap

    servers = clients()
    model = servers.project.pipeline(pipeline)
    keep = timedelta(hours=get_current_context()["params"]["keep_old_for"])
    reindex.check_before_swap(servers, model, index)
    replaced = swap(servers, model, index, keep)
    kept = f" {replaced} is kept for {keep}." if replaced and replaced != model.alias else ""
    text = f"Alias {model.alias} points to {index}. Verified: {compared}.{kept}"
    write_report(servers.elasticsearch, "reindex", pipeline, text, {"index": index, "replaced": replaced})
    write_run_note(text)


def retire(pipeline: str) -> list[str]:
    """Remove the generations of a pipeline that were kept long enough, and return their names."""
    from pg2es.services.swap import retire

    removed = retire(clients(), project().pipeline(pipeline))
    log.info("Removed: %s", ", ".join(removed) or "nothing")
    return removed
