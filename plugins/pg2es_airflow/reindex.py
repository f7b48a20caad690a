"""Tasks of the reindex DAG, besides its chunks."""

import logging
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from airflow.sdk import get_current_context

from pg2es_airflow.notes import write_run_note
from pg2es_airflow.patience import PATIENCE_S
from pg2es_airflow.project import of_pipeline

log = logging.getLogger(__name__)


def plan(pipeline: str) -> dict[str, Any] | None:
    """Return the plan's verdict and differences; None, which ends the run, when there is nothing to reindex for."""
    from pg2es.core.generations import Verdict
    from pg2es.services import reindex

    params = get_current_context()["params"]
    found = reindex.plan(*of_pipeline(pipeline), take_over_index=params["take_over_index"])
    log.info("%s", found)
    if found.verdict is Verdict.REINDEX or params["force"]:
        return {"verdict": found.verdict, "differences": [str(difference) for difference in found.differences]}
    hint = f"; the DAG backfill_{pipeline} does that" if found.verdict is Verdict.IN_PLACE else ""
    write_run_note(f"No reindex is needed: {found}{hint}. The Param force asks for one nevertheless.")
    return None


def create_generation(pipeline: str) -> str:
    """Make the new generation and return its index."""
    from pg2es.services import reindex

    return reindex.create(*of_pipeline(pipeline))


def start_stream(pipeline: str, index: str) -> dict[str, Any]:
    """Start the new generation's own sink and wait for the start fence. Return what the chunks fill.

    Raises FenceNotPassed when transactions hold it up, whereupon it may be called again.
    """
    from pg2es.services import reindex

    return asdict(reindex.start_stream(*of_pipeline(pipeline), index, PATIENCE_S))


def finish_build(
    pipeline: str, prepared: dict[str, Any], planned: list[dict[str, Any]], results: list[dict[str, Any]]
) -> None:
    """Put settings back, sweep, wait until the index is green; fail when documents were rejected."""
    from pg2es.core.backfill import Chunk
    from pg2es.services import backfill, reindex

    chunks = [Chunk.from_json(entry["chunk"]) for entry in planned]
    reindex.finish_build(*of_pipeline(pipeline), backfill.Prepared(**prepared), chunks)
    results = list(results)
    samples = [sample for result in results for sample in result["samples"]]
    backfill.check_rejected(pipeline, sum(result["rejected"] for result in results), samples)


def verify(pipeline: str, index: str) -> str:
    """Compare the new generation with PostgreSQL and return what was found; fail unless nothing differs."""
    from pg2es.core.config import Verification
    from pg2es.services import reindex

    verification = Verification(get_current_context()["params"]["verify"])
    found = str(reindex.verify(*of_pipeline(pipeline), index, verification))
    log.info(found)
    return found


def run_smoke_queries(pipeline: str, index: str) -> list[int]:
    """Run the pipeline file's queries on the new generation and return how many documents each finds."""
    from pg2es.services import reindex

    return reindex.run_smoke_queries(*of_pipeline(pipeline), index)


def choose_approval() -> str:
    """Return the task that comes next: somebody's approval, or the swap at once."""
    return "approve" if get_current_context()["params"]["approval"] else "swap"


def swap(pipeline: str, index: str, compared: str) -> None:
    """Let the alias point to the new generation."""
    from pg2es.services import reindex

    keep = timedelta(hours=get_current_context()["params"]["keep_old_for"])
    write_run_note(reindex.go_live(*of_pipeline(pipeline), index, keep, compared))


def retire(pipeline: str) -> list[str]:
    """Remove the generations of a pipeline that were kept long enough, and return their names."""
    from pg2es.services import reindex

    removed = reindex.retire(*of_pipeline(pipeline))
    log.info("Removed: %s", ", ".join(removed) or "nothing")
    return removed
