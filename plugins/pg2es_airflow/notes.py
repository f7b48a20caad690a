"""The note of a DAG run: a sentence that people see in the UI.

Tasks have no way to it but Airflow's REST interface, and no account there. So it is written where an Airflow connection
`pg2es_airflow` (HTTP: host, port, login, password) exists; elsewhere the sentence is in the log and in the report.
"""

import logging

from airflow.sdk import BaseHook, get_current_context
from airflow.sdk.exceptions import AirflowNotFoundException

log = logging.getLogger(__name__)

CONNECTION = "pg2es_airflow"
NOTE_CHARACTERS = 1000
"""Airflow takes no more."""


def write_run_note(text: str) -> None:
    """Log the text and make its beginning the note of the current DAG run.

    A note that cannot be written fails no run.
    """
    log.info(text)
    note = text if len(text) <= NOTE_CHARACTERS else f"{text[: NOTE_CHARACTERS - 1]}…"
    try:
        _write(note)
    except AirflowNotFoundException:
        log.info("There is no Airflow connection %s, so the run has no note", CONNECTION)
    except Exception as error:  # noqa: BLE001 - an address that is none, an answer that is no JSON, whatever it is
        log.warning("The note of the run could not be written: %s: %s", type(error).__name__, error)


def _write(note: str) -> None:
    from pg2es.adapters.airflow import Airflow, Run

    connection = BaseHook.get_connection(CONNECTION)
    run = get_current_context()["dag_run"]
    url = f"{connection.schema or 'http'}://{connection.host}:{connection.port or 8080}"
    Airflow(url, connection.login, connection.password).write_note(Run(run.dag_id, run.run_id), note)
