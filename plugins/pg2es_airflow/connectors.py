"""Tasks of the connectors DAG."""

import logging
import time
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from airflow.sdk import get_current_context

from pg2es_airflow.memory import keep, recall
from pg2es_airflow.notes import write_run_note
from pg2es_airflow.project import of_source, project

if TYPE_CHECKING:
    from pg2es.core.config import Pipeline, Source
    from pg2es.services.clients import Clients

log = logging.getLogger(__name__)


class Action(StrEnum):
    """What the connectors DAG does."""

    MEND = "mend"
    DEPLOY = "deploy"
    PAUSE = "pause"
    RESUME = "resume"
    RESTART = "restart"
    STOP = "stop"
    RESET = "reset"
    REMOVE = "remove"
    REMOVE_ORPHANS = "remove_orphans"


LOSING = frozenset({Action.RESET, Action.REMOVE})
"""What loses positions, so that backfills have to follow: only for what somebody named."""


def choose() -> list[dict[str, str | None]]:
    """Return what `act` takes for each source that is meant: all, one, or one pipeline of it."""
    from pg2es.core.errors import PermanentError

    params, known = get_current_context()["params"], project()
    action, source, pipeline = Action(params["action"]), params["source"], params["pipeline"]
    if pipeline and source not in (None, known.pipeline(pipeline).source):
        raise PermanentError(f"Pipeline {pipeline} reads source {known.pipeline(pipeline).source}, not {source}.")
    if action in LOSING and not source and not pipeline:
        raise PermanentError(f"Action {action} takes a source or a pipeline: it loses positions in the stream.")
    names = [known.pipeline(pipeline).source] if pipeline else [source] if source else sorted(known.sources)
    return [{"action": action.value, "source": name, "pipeline": pipeline} for name in names]


def act(action: str, source: str, pipeline: str | None) -> dict[str, Any]:
    """Do the action for a source, or for one pipeline of it; return what was done, and the run that has to follow."""
    servers, model = of_source(source)
    chosen = servers.project.pipeline(pipeline) if pipeline else None
    if action == Action.MEND:
        text, timeline = _mend(servers, model)
    else:
        text, timeline = _act(servers, Action(action), model, chosen), None
    log.info("%s", text)
    follows = {"trigger_dag_id": f"recover_{source}", "trigger_run_id": _adoption(timeline)} if timeline else None
    return {"text": text, "follows": follows}


def note(done: Iterable[dict[str, Any]]) -> None:
    """Make what was done the note of the run."""
    write_run_note("\n".join(each["text"] for each in done))


def plan_recoveries(done: Iterable[dict[str, Any]]) -> list[dict[str, str]]:
    """Return the runs to trigger, by which promoted standbys are adopted."""
    return [each["follows"] for each in done if each["follows"]]


def _act(servers: "Clients", action: Action, source: "Source", pipeline: "Pipeline | None") -> str:
    from pg2es.core.stream import Steering
    from pg2es.services import recovery, stream

    after = ""
    match action:
        case Action.DEPLOY:
            names = stream.deploy(servers, source, [pipeline] if pipeline else None)
        case Action.PAUSE | Action.RESUME | Action.RESTART | Action.STOP:
            names = stream.steer(servers, source, pipeline, Steering(action.value))
        case Action.RESET:
            names = recovery.reset_pipeline(servers, pipeline) if pipeline else recovery.reset_source(servers, source)
            after = ". Now run " + ", ".join(f"backfill_{name}" for name in names) if names else ""
        case Action.REMOVE if pipeline:
            names = stream.remove_sinks(servers, source, pipeline)
        case Action.REMOVE:
            names = stream.remove_source(servers, source)
        case _:
            names = _remove_orphans(servers, source)
    if action in (Action.DEPLOY, Action.RESTART):
        keep(_tries_of(source), {})
    return f"{source.name}, {action.value}: {', '.join(names) or 'nothing to do'}{after}"


def _mend(servers: "Clients", source: "Source") -> tuple[str, int | None]:
    """Mend the connectors of a source; return what was done, and the timeline of a standby that has to be adopted.

    Raises ConnectorError with all that cannot be mended.

    Also when a server does not answer: the next run tries it again, and would wait for the retries of this one, which
    holds up the connectors of all other sources.
    """
    from pg2es.core.errors import ConnectorError
    from pg2es.core.recovery import Tries
    from pg2es.services.recovery import mend

    if _runs(f"recover_{source.name}"):
        return f"{source.name}: the DAG recover_{source.name} runs, so nothing is touched.", None
    kept: dict[str, Any] = recall(_tries_of(source), {})
    tries = {name: Tries.from_json(values) for name, values in kept.items()}

    def remember(tries: dict[str, Tries]) -> None:
        nonlocal kept
        left = {name: values.to_json() for name, values in tries.items()}
        if left != kept:
            keep(_tries_of(source), left)
        kept = left

    found = mend(servers, source, tries, time.time(), remember)
    remember(found.tries)
    if found.deployed and not found.unanswered:
        found.notes += _name_orphans(servers, source)
    run = _adoption(found.timeline) if found.timeline else None
    if run and _runs(f"recover_{source.name}", ("failed", "success"), [run]):
        found.problems.append(f"Its run {run} is over: see why it failed, then run the DAG again.")
    text = f"{source.name}: {found}"
    if found.problems or found.unanswered:
        write_run_note(text)
        raise ConnectorError(text)
    return text, found.timeline


def _adoption(timeline: int) -> str:
    """Return the id of the run that adopts a timeline: there is only one."""
    return f"adopt_timeline_{timeline}"


def _name_orphans(servers: "Clients", source: "Source") -> list[str]:
    """Say what nobody uses any more."""
    from pg2es.services.recovery import find_leftovers, find_orphans

    names = [*find_leftovers(servers, source).names]
    for pipeline in servers.project.pipelines_of(source):
        if not _runs(f"reindex_{pipeline.name}"):
            found = find_orphans(servers, pipeline)
            names += [*found.generations, *found.sinks]
    if not names:
        return []
    return [f"Nobody uses {', '.join(names)}; the action remove_orphans removes what is left of killed runs."]


def _remove_orphans(servers: "Clients", source: "Source") -> list[str]:
    """Remove what killed runs and removed files left; what a reindex that runs now is making is none of it."""
    from pg2es.services.recovery import remove_leftovers, remove_orphans

    removed: list[str] = []
    for pipeline in servers.project.pipelines_of(source):
        if _runs(f"reindex_{pipeline.name}"):
            log.info("reindex_%s runs: what belongs to the pipeline stays", pipeline.name)
            continue
        removed += remove_orphans(servers, pipeline).names
    return [*removed, *remove_leftovers(servers, source).names]


def _runs(dag_id: str, states: Sequence[str] = ("running", "queued"), run_ids: list[str] | None = None) -> bool:
    """Return whether there is a run of a DAG in one of the states, by default one that is not over."""
    return bool(get_current_context()["ti"].get_dr_count(dag_id=dag_id, run_ids=run_ids, states=list(states)))


def _tries_of(source: "Source") -> str:
    """Return under which name is kept how often the connectors of a source were restarted."""
    return f"restarts_{source.name}"
