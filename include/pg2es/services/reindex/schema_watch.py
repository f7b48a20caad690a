"""The schema watch: the plan of a pipeline, remembered whenever its verdict changes, and what follows from it."""

import logging
from datetime import datetime
from enum import StrEnum

from pg2es.core.config import OnSchemaChange, Pipeline
from pg2es.core.errors import GenerationError
from pg2es.core.generations import Plan, Verdict
from pg2es.core.reports import ReportKind
from pg2es.services import preflight
from pg2es.services.clients import Clients
from pg2es.services.generations import apply_in_place, list_generations, require_live_generation
from pg2es.services.reports import read_last_report, write_report

log = logging.getLogger(__name__)


class FollowUp(StrEnum):
    """What has to be run for a plan."""

    NONE = "none"
    BACKFILL = "backfill"
    REINDEX = "reindex"


def watch_schema(clients: Clients, pipeline: Pipeline) -> tuple[Plan, FollowUp]:
    """Return the plan, and what has to be run for it; changes that no document has to be read for are made here.

    The plan is reported when its verdict is not that of the last report. Raises GenerationError for a broken pipeline:
    what is wrong, and since when.
    """
    plan = preflight.plan(clients, pipeline)
    last = read_last_report(clients.elasticsearch, ReportKind.PLAN, pipeline.name)
    if last is None or last["outcome"] != plan.verdict:
        details = {"index": plan.index, "differences": [str(difference) for difference in plan.differences]}
        write_report(clients.elasticsearch, ReportKind.PLAN, pipeline.name, str(plan), details, plan.verdict)
    if plan.verdict is Verdict.BROKEN:
        raise GenerationError(f"Pipeline {plan}\n{describe_since(broken_since(clients, pipeline))}")
    log.info("%s", plan)
    return plan, _next_step(clients, pipeline, plan)


def advise(clients: Clients, pipeline: Pipeline, plan: Plan) -> str:
    """Return the sentence that says what to do for a plan."""
    if plan.index is None and plan.verdict is not Verdict.BROKEN:
        return f"Run the DAG backfill_{pipeline.name}, or reindex_{pipeline.name} to search only what is complete."
    match plan.verdict:
        case Verdict.NOTHING:
            return "The index is what files and database say."
        case Verdict.IN_PLACE:
            return f"The DAG schema_watch brings it in, or run the DAG backfill_{pipeline.name}."
        case Verdict.UNTRIED:
            return f"`pg2es plan {pipeline.name}` tries it out, and the DAG schema_watch brings it in if it can."
        case Verdict.REINDEX:
            return f"Run the DAG reindex_{pipeline.name}."
        case Verdict.BROKEN:
            return describe_since(broken_since(clients, pipeline))


def broken_since(clients: Clients, pipeline: Pipeline) -> datetime | None:
    """Return when the schema watch first found the pipeline broken, None when it has not seen it so."""
    last = read_last_report(clients.elasticsearch, ReportKind.PLAN, pipeline.name)
    if last is None or last["outcome"] != Verdict.BROKEN:
        return None
    return datetime.fromisoformat(last["at"])


def describe_since(since: datetime | None) -> str:
    """Return the sentence about it."""
    if since is None:
        return "The schema watch has not seen it so before."
    return f"So it is since {since:%Y-%m-%d %H:%M:%S} UTC, when the schema watch first saw it."


def _next_step(clients: Clients, pipeline: Pipeline, plan: Plan) -> FollowUp:
    if plan.index is None:
        log.info("Pipeline %s has no generation yet: run the DAG backfill_%s", pipeline.name, pipeline.name)
    elif plan.verdict is Verdict.IN_PLACE and plan.rereads:
        return FollowUp.BACKFILL
    elif plan.verdict is Verdict.IN_PLACE and plan.wanted:
        apply_in_place(clients, require_live_generation(clients.elasticsearch, pipeline), plan.wanted)
    elif plan.verdict is Verdict.REINDEX and pipeline.on_schema_change is OnSchemaChange.REINDEX:
        # Somebody has gone back from just that; to go there again is for them to say.
        kept = [g for g in list_generations(clients.elasticsearch, pipeline) if g.meta.keep_until]
        if all(generation.meta.recipe != plan.wanted for generation in kept):
            return FollowUp.REINDEX
        log.info("A generation of that kind was rolled back; run the DAG reindex_%s to make another", pipeline.name)
    return FollowUp.NONE
