"""Asking the sinks of a pipeline for refreshes, by its refresh topics."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import psycopg

from pg2es.adapters.kafka import send_requests
from pg2es.adapters.postgres import describe_sql_error, translate_errors
from pg2es.core.config import Pipeline
from pg2es.core.errors import ConditionError
from pg2es.core.refresh import PAGE, Key, ask_for_all, ask_for_keys
from pg2es.core.sql import roots_where
from pg2es.services.clients import Clients
from pg2es.services.tables import read_tables


def request_keys(clients: Clients, pipeline: Pipeline, keys: Iterable[Key]) -> None:
    """Have roots refreshed in every generation; return when Kafka has the request."""
    topic = clients.project.source_of(pipeline).refresh_topic(pipeline.name)
    send_requests(clients.kafka_access, topic, ask_for_keys(keys))


def request_where(clients: Clients, pipeline: Pipeline, condition: str) -> int:
    """Have the roots refreshed whose rows an SQL condition holds for, in every generation; return how many.

    Rows that are gone are found by no condition. Raises ConditionError when the condition does not run; what was
    asked for before a row made it fail stays asked for.
    """
    asked = 0
    with clients.session_of(pipeline) as session, translate_errors(f"Pipeline {pipeline.name}"):
        sql = read_tables(session, pipeline).sql

        def read_keys() -> Iterator[Key]:
            nonlocal asked
            rows = session.cursor().stream(roots_where(sql.table, sql.key, condition), size=PAGE)
            for asked, key in enumerate(rows, start=1):  # noqa: B007 - counted for the caller
                yield key

        try:
            request_keys(clients, pipeline, read_keys())
        except (psycopg.ProgrammingError, psycopg.DataError) as error:
            raise ConditionError(
                f"Pipeline {pipeline.name}: the condition does not run on {pipeline.table} AS root: "
                f"{describe_sql_error(error)}. Correct it."
            ) from error
    return asked


def request_all(clients: Clients, pipeline: Pipeline) -> None:
    """Have every root and every document refreshed in every generation; return when Kafka has the request."""
    topic = clients.project.source_of(pipeline).refresh_topic(pipeline.name)
    send_requests(clients.kafka_access, topic, [ask_for_all()])


def scheduler(clients: Clients, pipeline: Pipeline, index: str) -> Callable[[Sequence[Key]], None]:
    """Return what has roots of a generation refreshed a second time, after the constant delay (rule 7)."""
    topic = clients.project.source_of(pipeline).refresh_later_topic(pipeline.name)
    return lambda keys: send_requests(clients.kafka_access, topic, ask_for_keys(keys, index))
