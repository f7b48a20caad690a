"""Tasks of the schema watch DAG."""

import logging
from typing import Any

from airflow.sdk import get_current_context

from pg2es_airflow.notes import write_run_note
from pg2es_airflow.project import clients

log = logging.getLogger(__name__)

BROKEN = "broken"


def plan() -> list[dict[str, str]]:
    """Plan the pipelines that are asked for, and return the runs to trigger, each once for each change.

    A second run for the same change is not triggered: if the first one failed, somebody has to look at it. Why a
    pipeline cannot be planned is pushed under the key BROKEN; it keeps no other from being planned.
    """
    from pg2es.core.errors import PermanentError
    from pg2es.services.reindex import FollowUp, watch_schema

    context = get_current_context()
    servers = clients()
    triggers, broken = [], []
    for name in context["params"]["pipelines"] or sorted(servers.project.pipelines):
        try:
            found, step = watch_schema(servers, servers.project.pipeline(name))
        except PermanentError as error:
            broken.append(str(error))
            continue
        if step is FollowUp.NONE:
            continue
        dag_id = f"{step.value}_{name}"
        if context["ti"].get_dr_count(dag_id=dag_id, states=["running", "queued"]):
            log.info("%s runs already", dag_id)
            continue
        run_id = f"schema_watch__{found.change}"
        triggers.append({"trigger_dag_id": dag_id, "trigger_run_id": run_id, "note": str(found)})
    context["ti"].xcom_push(key=BROKEN, value=broken)
    return triggers


def fail_for_broken(broken: list[Any]) -> None:
    """Raise GenerationError with all that is broken."""
    from pg2es.core.errors import GenerationError

    if broken:
        text = "\n".join(broken)
        write_run_note(text)
        raise GenerationError(text)
