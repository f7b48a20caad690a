"""Tasks of the connectors DAG."""

import logging
from enum import StrEnum

from pg2es_airflow.notes import write_run_note
from pg2es_airflow.project import clients

log = logging.getLogger(__name__)


class Action(StrEnum):
    """What the connectors DAG does."""

    DEPLOY = "deploy"
    REMOVE = "remove"


def run_action(source: str, action: str) -> list[str]:
    """Deploy or remove the connectors of a source and return their names."""
    from pg2es.services import connectors

    servers = clients()
    operation = {Action.DEPLOY: connectors.deploy, Action.REMOVE: connectors.remove}[Action(action)]
    names = operation(servers, servers.project.source(source))
    write_run_note(f"{Action(action).value}: {', '.join(names) or 'nothing to do'}")
    return names
