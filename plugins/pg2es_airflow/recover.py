"""Tasks of the recovery DAG."""

import logging
from typing import Any

from airflow.sdk import get_current_context

from pg2es_airflow.notes import write_run_note
from pg2es_airflow.project import of_source

log = logging.getLogger(__name__)


def stop_streams(source: str) -> None:
    """Write down the gaps and stop the connectors; PermanentError while a reindex of a pipeline runs."""
    from pg2es.core.errors import PermanentError
    from pg2es.services import recovery

    servers, model = of_source(source)
    task = get_current_context()["ti"]
    for pipeline in servers.project.pipelines_of(model):
        reindex = f"reindex_{pipeline.name}"
        if task.get_dr_count(dag_id=reindex, states=["running", "queued"]):
            raise PermanentError(
                f"{reindex} runs, and what it makes would lack changes. End it (mark it failed), then run this again."
            )
    recovery.stop_streams(servers, model)


def renew_slot(source: str) -> None:
    """Make the slot anew and set the source's position."""
    from pg2es.services import recovery

    recovery.renew_slot(*of_source(source))


def renew_positions(source: str) -> None:
    """Set the positions of the live sinks, and take their start fences."""
    from pg2es.services import recovery

    recovery.renew_positions(*of_source(source))


def start_streams(source: str) -> list[str]:
    """Start the connectors and return the pipelines that need a backfill."""
    from pg2es.services import recovery

    return recovery.start_streams(*of_source(source))


def plan_runs(job: str, pipelines: list[str], conf: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the runs of a job to trigger and to wait for; the same ones when this is run again."""
    run_id = f"recover__{get_current_context()['dag_run'].run_id}"
    return [{"trigger_dag_id": f"{job}_{name}", "trigger_run_id": run_id, "conf": conf} for name in pipelines]


def finish(source: str, pipelines: list[str]) -> None:
    """Say what was recovered."""
    write_run_note(f"Source {source} streams again; {', '.join(pipelines) or 'no pipeline'}: filled and reconciled.")
