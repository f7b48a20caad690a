"""Tasks of the recovery DAG."""

import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import BaseOperator, Context, XComArg, get_current_context

from pg2es_airflow.notes import write_run_note
from pg2es_airflow.project import of_pipeline, of_source

log = logging.getLogger(__name__)


def stop_streams(source: str) -> bool:
    """Write down the gaps and stop the connectors; return whether the indices adopted another database.

    Raises PermanentError while a reindex of a pipeline runs, unless that cannot go on with another database anyway.
    """
    from pg2es.core.errors import PermanentError
    from pg2es.services import recovery

    servers, model = of_source(source)
    task = get_current_context()["ti"]
    adopts = recovery.needs_adoption(servers, model)
    for pipeline in () if adopts else servers.project.pipelines_of(model):
        reindex = f"reindex_{pipeline.name}"
        if task.get_dr_count(dag_id=reindex, states=["running", "queued"]):
            raise PermanentError(
                f"{reindex} runs, and what it makes would lack changes. End it (mark it failed), then run this again."
            )
    return recovery.stop_streams(servers, model)


def renew_slot(source: str, *, adopted: bool) -> bool:
    """Make the slot anew, unless an adopted database has it; set the source's position; return whether it was kept."""
    from pg2es.services import recovery

    return recovery.renew_slot(*of_source(source), keep=adopted)


def renew_positions(source: str, *, kept: bool) -> None:
    """Set the positions of the live sinks, unless the slot was kept, and take their start fences."""
    from pg2es.services import recovery

    recovery.renew_positions(*of_source(source), keep=kept)


def start_streams(source: str) -> list[dict[str, str]]:
    """Start the connectors and return, for each pipeline that has missed changes, the arguments of `compare`."""
    from pg2es.services import recovery

    return [{"pipeline": name} for name in recovery.start_streams(*of_source(source))]


def compare(pipeline: str) -> dict[str, Any]:
    """Make equal what differs, if it is little; return the pipeline and whether it is equal now."""
    from pg2es.services import backfill

    return {"pipeline": pipeline, "equal": backfill.close_gap(*of_pipeline(pipeline))}


def plan_runs(job: str, compared: Iterable[dict[str, Any]], conf: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the runs of a job to trigger and wait for, of pipelines that too much differs of; each time the same."""
    run_id = f"recover__{get_current_context()['dag_run'].run_id}"
    return [
        {"trigger_dag_id": f"{job}_{found['pipeline']}", "trigger_run_id": run_id, "conf": conf}
        for found in compared
        if not found["equal"]
    ]


class SettleOperator(BaseOperator):
    """After an adoption waits, without a worker slot, until nothing is on its way that was read before.

    Returns the arguments of `compare_again`: none when nothing was adopted.
    """

    template_fields = ("adopted", "compared")

    def __init__(self, *, adopted: XComArg, compared: XComArg, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.adopted: Any = adopted
        self.compared: Any = compared  # what the tasks returned, when this one runs

    def execute(self, context: Context, event: Any = None) -> list[dict[str, str]]:  # noqa: ARG002
        """Wait, if anything was adopted."""
        from pg2es.services.recovery import SETTLED_S

        if self.adopted:
            self.defer(trigger=TimeDeltaTrigger(timedelta(seconds=SETTLED_S)), method_name="list_pipelines")
        return []

    def list_pipelines(self, context: Context, event: Any = None) -> list[dict[str, str]]:  # noqa: ARG002
        """Return the arguments of `compare_again`."""
        return [{"pipeline": found["pipeline"]} for found in self.compared]


def compare_again(pipeline: str) -> None:
    """Compare and repair once more; DriftFound when something still differs."""
    from pg2es.services.drift import make_equal

    log.info("%s", make_equal(*of_pipeline(pipeline)))


def finish(source: str, compared: Iterable[dict[str, Any]]) -> None:
    """Say what was recovered."""
    found = list(compared)
    equal = ", ".join(each["pipeline"] for each in found if each["equal"])
    filled = ", ".join(each["pipeline"] for each in found if not each["equal"])
    done = [f"{equal}: compared, equal" if equal else "", f"{filled}: filled and reconciled" if filled else ""]
    write_run_note(f"Source {source} streams again; {'; '.join(filter(None, done)) or 'no pipeline missed anything'}.")
