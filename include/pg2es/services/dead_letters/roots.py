"""From a dead-letter record to the documents that it is about, by the routes and the SQL that the sink uses."""

from collections.abc import Iterable

import psycopg

from pg2es.adapters.postgres import Session, describe_sql_error, fetch_one, translate_errors, translate_sql_errors
from pg2es.core.config import Source
from pg2es.core.dead_letters import DeadLetterRecord, parse_event
from pg2es.core.errors import PostgresUnavailable, UnreadableRecord
from pg2es.core.refresh import parse_keys
from pg2es.core.sql import protocol
from pg2es.core.stream import Route, make_routes
from pg2es.services.tables import PipelineTables
from pg2es.services.waiting import wait_for

VISIBLE_TIMEOUT_S = 60
_IN_PROGRESS = "in progress"


class RootFinder:
    """Finds documents of one generation, whose tables these are, through one session.

    It remembers what it found and so belongs to one batch of records: a row that changed often is asked for once.
    """

    def __init__(self, session: Session, source: Source, tables: PipelineTables) -> None:
        self._session = session
        self._sql = tables.sql
        self._refresh_topics = source.refresh_topics(tables.pipeline.name)
        self._routes = make_routes(tables.pipeline, source, tables.sql, tables.related).values()
        self._known: dict[tuple[Route, tuple[str | None, ...]], frozenset[str]] = {}

    def find(self, record: DeadLetterRecord) -> frozenset[str]:
        """Return the ids of the documents that a dead-letter record leads to now; none when no row is left of it.

        Raises UnreadableRecord when that cannot be told, DocumentSqlError when a roots SQL does not run.
        """
        if record.topic in self._refresh_topics:
            keys = parse_keys(record.value or record.key, len(self._sql.key.columns))
            return frozenset(identifier for key in keys for identifier in self._canonical(key))
        routes = [route for route in self._routes if route.topic == record.topic]
        if not routes:
            raise UnreadableRecord(f"pipeline {self._sql.pipeline.name} no longer reads topic {record.topic}")
        try:
            event = parse_event(record.value)
        except UnreadableRecord:
            if record.document is None:
                raise
            # The sink has acknowledged every other document of the record.
            return frozenset({record.document})
        tuples = [(route, texts) for route in routes for texts in event.tuples(route.columns) if _leads(route, texts)]
        if event.transaction is not None:
            self._wait_until_visible(event.transaction)
        return frozenset(identifier for route, texts in tuples for identifier in self._ids(route, texts))

    def _ids(self, route: Route, texts: tuple[str | None, ...]) -> frozenset[str]:
        found = self._known.get((route, texts))
        if found is None:
            found = self._known[route, texts] = frozenset(self._look_up(route, texts))
        return found

    def _look_up(self, route: Route, texts: tuple[str | None, ...]) -> Iterable[str]:
        if not route.sql:
            return self._canonical(texts)
        return self._execute(self._sql.ids_of_roots(route.sql), texts, f"roots SQL of {route.topic}")

    def _canonical(self, key: tuple[str | None, ...]) -> Iterable[str]:
        return self._execute(self._sql.canonical_ids(), key, "key")

    def _execute(self, statement: str, texts: tuple[str | None, ...], part: str) -> Iterable[str]:
        with translate_sql_errors(self._sql.pipeline.name, part):
            try:
                return [identifier for (identifier,) in self._session.execute(statement, [[text] for text in texts])]
            except psycopg.DataError as error:
                raise UnreadableRecord(f"its columns do not fit the tables: {describe_sql_error(error)}") from error

    def _wait_until_visible(self, transaction: int) -> None:
        """Wait for a transaction, as the sink does: one that PostgreSQL does not know or rolled back is not waited for.

        It became visible before the sink wrote the record, unless the event was useless to the sink (rule 1).
        """

        def visible() -> bool:
            with translate_errors(f"Pipeline {self._sql.pipeline.name}"):
                return bool(fetch_one(self._session, protocol.VISIBLE, [transaction])[0]) or not self._runs(transaction)

        wait_for(
            visible,
            timeout_s=VISIBLE_TIMEOUT_S,
            on_timeout=lambda: PostgresUnavailable(
                f"Transaction {transaction}, whose change a dead letter tells, is not visible after "
                f"{VISIBLE_TIMEOUT_S} s; a synchronous standby may be away. Replay again later."
            ),
        )

    def _runs(self, transaction: int) -> bool:
        try:
            return bool(fetch_one(self._session, protocol.TRANSACTION_STATUS, transaction)[0] == _IN_PROGRESS)
        except psycopg.errors.InvalidParameterValue:  # of the future: an old event, or a lost timeline
            return False


def _leads(route: Route, texts: tuple[str | None, ...]) -> bool:
    """A key of which a part is NULL is none; SQL may have a use for the other columns."""
    return route.sql is not None or None not in texts
