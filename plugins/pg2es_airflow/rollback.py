"""Tasks of the rollback DAG."""

import logging
from datetime import timedelta

from airflow.sdk import get_current_context

from pg2es_airflow.notes import write_run_note
from pg2es_airflow.project import clients

log = logging.getLogger(__name__)


def check(pipeline: str) -> str:
    """Verify the generation that was live before, by what it was made from, and return its index."""
    from pg2es.services import rollback

    servers = clients()
    model = servers.project.pipeline(pipeline)
    previous = rollback.find_previous(servers, model)
    log.info("%s", rollback.check(servers, model, previous))
    return previous.index


def swap(pipeline: str, index: str) -> None:
    """Let the alias point to it."""
    from pg2es.services.reports import write_report
    from pg2es.services.swap import swap

    servers = clients()
    model = servers.project.pipeline(pipeline)
    keep = timedelta(hours=get_current_context()["params"]["keep_old_for"])
    replaced = swap(servers, model, index, keep)
    kept = f", {replaced} is kept for {keep}" if replaced else ""
    text = f"Rolled back: alias {model.alias} points to {index}{kept}."
    write_report(servers.elasticsearch, "rollback", pipeline, text, {"index": index, "replaced": replaced})
    write_run_note(text)
