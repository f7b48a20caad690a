"""The document SQL: it runs, gives what a document needs, and reads nothing whose changes would be missed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
from psycopg.rows import TupleRow

from pg2es.adapters.postgres import Session, read_relations, translate_sql_errors
from pg2es.core.config import Pipeline
from pg2es.core.errors import UnreadableRow
from pg2es.core.preflight import (
    Checking,
    Finding,
    called_functions,
    clock_readings,
    error,
    info,
    unordered_aggregates,
    warning,
)
from pg2es.core.sql import DocumentSql
from pg2es.core.sql import preflight as statements
from pg2es.core.table import Key
from pg2es.services.generations import document_columns
from pg2es.services.preflight.places import pipeline_file
from pg2es.services.tables import PipelineTables

SAMPLE_ROOTS = 500
SAMPLE_BLOCKS = 64
"""Pages that are sampled, scattered over the table: a whole large table would take as long as a backfill."""

SAMPLE_BYTES = 1024 * 1024
"""Documents beyond this are only measured."""

ROOTS_ALONE = 10
"""Roots whose documents are read once together and once each alone."""


_TYPE_NAMES = {
    "varchar": "character varying", "int4": "integer", "int8": "bigint", "int2": "smallint", "bool": "boolean",
    "timestamp": "timestamp without time zone", "timestamptz": "timestamp with time zone",
}  # fmt: skip


@dataclass(frozen=True)
class Checked:
    """What the document SQL gives: names of its columns, and some documents `(id, source)`."""

    columns: tuple[str, ...]
    samples: tuple[tuple[str, str], ...]


def check(session: Session, tables: PipelineTables) -> Checking[Checked | None]:
    """Give the findings about the document SQL; return what it gives, None when it is not usable."""
    names = yield from check_columns(session, tables)
    place = pipeline_file(tables.pipeline, "document")
    yield from _check_text(session, place, tables.pipeline)
    if not names:
        return None
    samples = yield from _check_sample(session, place, tables)
    return Checked(names, samples)


def check_columns(session: Session, tables: PipelineTables) -> Checking[tuple[str, ...]]:
    """Give the findings about the columns of the document SQL; return their names, nothing when they are no document.

    Raises DocumentSqlError when it does not run.
    """
    place = pipeline_file(tables.pipeline, "document")
    found = document_columns(session, tables.sql)
    names = tuple(name for name, _ in found)
    problems = [*_check_columns(place, names, tables.sql.key), *_check_key_types(place, dict(found), tables.sql.key)]
    yield from problems
    return () if problems else names


def _check_columns(place: str, names: tuple[str, ...], key: Key) -> Iterator[Finding]:
    missing = [name for name in key.names if name not in names]
    if missing:
        yield error(
            place,
            f"It does not return the key column(s) {', '.join(missing)}.",
            f"Select {', '.join(f'root.{name}' for name in missing)}.",
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        yield error(place, f"It returns two columns named {', '.join(twice)}.", "Rename one with AS.")
    if "_pg2es" in names:
        yield error(place, "It returns a column named _pg2es, which belongs to pg2es.", "Rename it with AS.")


def _check_key_types(place: str, types: dict[str, str], key: Key) -> Iterator[Finding]:
    for column in key.columns:
        found = types.get(column.name)
        if found is not None and _base(found) != _base(column.stored_type):
            yield error(
                place,
                f"Key column {column.name} is returned as {found}, but the table has {column.type}: the ids of the "
                f"documents would not be those of the roots.",
                f"Select root.{column.name} as it is.",
            )


def _base(type_name: str) -> str:
    """The type without its modifier; the driver and `format_type` name some types differently."""
    plain = re.sub(r"\(.*?\)", "", type_name)
    return _TYPE_NAMES.get(plain, plain)


def _check_text(session: Session, place: str, pipeline: Pipeline) -> Iterator[Finding]:
    if pipeline.document is None:
        return
    for name, volatile, builtin in session.execute(statements.FUNCTIONS, [called_functions(pipeline.document)]):
        if volatile:
            yield warning(
                place,
                f"Function {name} is VOLATILE: it may see newer rows than the rest of the document, or give another "
                f"value each time.",
                "Leave it out, or declare it STABLE if that is true.",
            )
        elif not builtin:
            yield info(
                place, f"Function {name} is your own: pg2es cannot see which tables it reads. Name them in `related`."
            )
    for name in clock_readings(pipeline.document):
        yield warning(
            place,
            f"{name} changes without an event: the document keeps the time of its last refresh.",
            "Store what depends on the time in a column, or compute it when searching.",
        )
    for name in unordered_aggregates(pipeline.document):
        yield warning(
            place,
            f"{name} has no ORDER BY: the same rows may give other bytes each time, which looks like drift.",
            f"Write {name}(… ORDER BY …).",
        )


def _check_sample(session: Session, place: str, tables: PipelineTables) -> Checking[tuple[tuple[str, str], ...]]:
    """Read the documents of some roots; return those that are not too large."""
    try:
        rows = _read_sample(session, tables)
    except UnreadableRow as unreadable:
        yield warning(
            place,
            f"PostgreSQL cannot make the document of some row: {unreadable.problem}. Such rows would be rejected.",
            "Correct them, or the document SQL.",
        )
        return ()
    if rows is None:
        yield warning(
            place,
            f"Reading {SAMPLE_ROOTS} documents, or fewer, takes over 30 s.",
            "EXPLAIN (ANALYZE) says what is slow; perhaps an index is missing.",
        )
        return ()
    yield from _judge_rows(place, tables.pipeline, rows)
    yield from _check_alone(session, place, tables)
    return tuple((identifier, source) for identifier, _, _, source in rows if source is not None)


def _read_sample(session: Session, tables: PipelineTables) -> list[TupleRow] | None:
    """Return rows as `DocumentSql.sample` gives them; None when they take too long. Raises UnreadableRow."""
    statement = tables.sql.sample(_sample_percent(session, tables), SAMPLE_ROOTS, SAMPLE_BYTES)
    with translate_sql_errors(tables.pipeline.name):
        try:
            with session.transaction():
                session.execute(statements.CAREFUL)
                return session.execute(statement).fetchall()
        except psycopg.errors.QueryCanceled:
            return None


def _sample_percent(session: Session, tables: PipelineTables) -> float:
    blocks = sum(relation.blocks for relation in read_relations(session, tables.pipeline.table))
    return min(100.0, 100.0 * SAMPLE_BLOCKS / max(blocks, 1))


def _check_alone(session: Session, place: str, tables: PipelineTables) -> Iterator[Finding]:
    """A document must be the same whichever roots are read with it: each writer reads others together."""
    for identifier in _read_unlike_alone(session, tables)[:1]:
        yield error(
            place,
            f"The document of root {identifier} is another when it is read alone than together with other roots: a "
            f"window function, DISTINCT, LIMIT or join over `root` sees the roots of one read alone, and an aggregate "
            f"without ORDER BY gives any order.",
            f"Read {tables.pipeline.table} by its own name where other rows count, name it in `related`, and let "
            f"roots_sql lead to every root that a change concerns; order what is aggregated.",
        )


def _read_unlike_alone(session: Session, tables: PipelineTables) -> list[str]:
    """Return ids of sampled roots whose documents depend on what is read with them; none when it takes too long."""
    sql = tables.sql
    with translate_sql_errors(tables.pipeline.name):
        try:
            with session.transaction():
                session.execute(f"{statements.ONE_SNAPSHOT};\n{statements.CAREFUL}")
                keys = session.execute(sql.sample_keys(_sample_percent(session, tables), ROOTS_ALONE)).fetchall()
                together = _read_by_keys(session, sql, keys)
                alone = {name: source for key in keys for name, source in _read_by_keys(session, sql, [key]).items()}
        except psycopg.errors.QueryCanceled:
            return []
    return [identifier for identifier, source in together.items() if alone[identifier] != source]


def _read_by_keys(session: Session, sql: DocumentSql, keys: list[TupleRow]) -> dict[str, str | None]:
    """Return the documents of these roots by id, None for a root that has none."""
    columns = [list(column) for column in zip(*keys, strict=True)] or [[] for _ in sql.key.names]
    rows = session.execute(sql.by_keys(), [*columns, 0, SAMPLE_BYTES, ROOTS_ALONE * SAMPLE_BYTES])
    return {identifier: source for identifier, _, source, _, _ in rows}


def _judge_rows(place: str, pipeline: Pipeline, rows: list[TupleRow]) -> Iterator[Finding]:
    seen: set[str] = set()
    for identifier, is_root, _, _ in rows:
        if identifier in seen:
            yield error(
                place,
                f"It returns more than one row for root {identifier}; each root is one document.",
                "Aggregate what is joined (json_agg), or add the condition that leaves one row.",
            )
            break
        seen.add(identifier)
        if not is_root:
            yield error(
                place,
                f"It returns id {identifier}, which is no key of the rows in `root`.",
                "Select the key columns of root as they are.",
            )
            break
    largest = max((size for _, _, size, _ in rows), default=0)
    if largest > pipeline.max_document_bytes:
        yield warning(
            place,
            f"A document has {largest:,} bytes; the limit is {pipeline.max_document_bytes:,}, so it would be rejected.",
            "Select less, or raise max_document_bytes.",
        )
