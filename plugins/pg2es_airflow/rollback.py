"""Tasks of the rollback DAG."""

import logging
from datetime import timedelta

from airflow.sdk import get_current_context

from pg2es_airflow.notes import write_run_note
from pg2es_airflow.project import of_pipeline

log = logging.getLogger(__name__)


def check(pipeline: str) -> str:
    """Verify the generation that was live before, by what it was made from, and return its index."""
    from pg2es.services.reindex import rollback

    servers, model = of_pipeline(pipeline)
    previous = rollback.find_previous(servers, model)
    log.info("%s", rollback.check(servers, model, previous))
    return previous.index


def swap(pipeline: str, index: str) -> None:
    """Let the alias point to it."""
    from pg2es.services.reindex import rollback

    keep = timedelta(hours=get_current_context()["params"]["keep_old_for"])
    write_run_note(rollback.go_back(*of_pipeline(pipeline), index, keep))
