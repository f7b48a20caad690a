"""Tasks of the connectors DAG."""

import logging
from enum import StrEnum

from airflow.sdk import get_current_context

from pg2es_airflow.notes import write_run_note
from pg2es_airflow.project import clients

log = logging.getLogger(__name__)


class Action(StrEnum):
    """What the connectors DAG does."""

    DEPLOY = "deploy"
    REMOVE = "remove"
    REMOVE_ORPHANS = "remove_orphans"


def run_action(source: str, action: str) -> list[str]:
    """Deploy or remove what belongs to a source and return the names."""
    from pg2es.services import connectors

    servers = clients()
    model = servers.project.source(source)
    match Action(action):
        case Action.DEPLOY:
            names = connectors.deploy(servers, model)
        case Action.REMOVE:
            names = connectors.remove(servers, model)
        case Action.REMOVE_ORPHANS:
            names = _remove_orphans(source)
    write_run_note(f"{Action(action).value}: {', '.join(names) or 'nothing to do'}")
    return names


def _remove_orphans(source: str) -> list[str]:
    """Remove what killed runs left; what a reindex that runs now is making is none of it."""
    from pg2es.services.orphans import find_orphans, remove_orphans

    servers = clients()
    task = get_current_context()["ti"]
    removed: list[str] = []
    for pipeline in servers.project.pipelines_of(servers.project.source(source)):
        reindex = f"reindex_{pipeline.name}"
        if task.get_dr_count(dag_id=reindex, states=["running", "queued"]):
            log.info("%s runs: what belongs to %s stays", reindex, pipeline.name)
            continue
        orphans = find_orphans(servers, pipeline)
        remove_orphans(servers, orphans)
        removed += orphans.names
    return removed
