"""Making room for another sample: what an earlier one has left in the servers goes away."""

import psycopg

from demo.data import connect
from demo.errors import DemoError
from pg2es.adapters.elasticsearch import indices, translate_errors
from pg2es.adapters.postgres import PostgresAccess
from pg2es.core.config import Source
from pg2es.services.clients import Clients
from pg2es.services.stream import remove_source
from pg2es.services.waiting import wait_for

_QUIET_TIMEOUT_S = 120


def remove_traces(clients: Clients, source: Source, superuser: PostgresAccess) -> None:
    """Remove the source's connectors, slot and publication, and every generation of its pipelines.

    Waits first until no batch job works in the database: tasks of a run that was ended live on for some seconds, and a
    late write would bring its index back.
    """
    with connect(superuser) as connection:
        wait_for(
            lambda: _is_quiet(connection),
            timeout_s=_QUIET_TIMEOUT_S,
            on_timeout=lambda: DemoError(
                f"A batch job still works in database {superuser.database} after {_QUIET_TIMEOUT_S} s; "
                f"end it, then run the demo again."
            ),
        )
    remove_source(clients, source)
    for pipeline in clients.project.pipelines_of(source):
        for index in indices.list_generations(clients.elasticsearch, pipeline.alias).values():
            with translate_errors(f"deleting {index}"):
                clients.elasticsearch.indices.delete(index=index)


def _is_quiet(connection: psycopg.Connection) -> bool:
    query = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'pg2es'"
    return connection.execute(query).fetchone() is None
