"""Whatever tables, columns and keys are called and hold, PostgreSQL takes it for names and values, never for more."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql as compose

from pg2es.adapters.postgres import Session, read_table
from pg2es.core.backfill import BlockRange
from pg2es.core.config import Pipeline
from pg2es.core.sql import DocumentSql, identifiers
from pg2es.core.table import key_of
from tests.integration.test_sql_documents import by_keys, compared, copied
from tests.support import Database, ProjectFolder

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
names = texts.filter(lambda name: 0 < len(name.encode()) <= 63)  # PostgreSQL cuts what is longer
tables = names.filter(lambda name: re.fullmatch(r"[^.\s]([^.]*[^.\s])?", name))  # as a file may write them
SETTINGS = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def session(database: Database, project_folder: ProjectFolder) -> Iterator[Session]:
    """A session as pg2es opens it."""
    with project_folder.clients().session(project_folder.source_model()) as session:
        yield session


@given(st.lists(names, min_size=1, max_size=4), texts)
@settings(SETTINGS, max_examples=300)
def test_names_and_literals_come_back_as_they_are(session: Session, columns: list[str], value: str) -> None:
    listed = ", ".join(f"{identifiers.literal(value)} AS {identifiers.quote(name)}" for name in columns)
    found = session.execute(f"SELECT {listed}".encode())
    assert [column.name for column in found.description or ()] == columns
    assert found.fetchone() == (value,) * len(columns)


@given(
    tables, st.lists(names, min_size=3, max_size=3, unique=True), st.lists(texts, min_size=1, max_size=5, unique=True)
)
@SETTINGS
def test_a_document_of_any_table(
    database: Database, session: Session, table: str, columns: list[str], keys: list[str]
) -> None:
    name = compose.Identifier("public", table)
    key, other, body = map(compose.Identifier, columns)
    with session.transaction(force_rollback=True):
        session.execute(
            compose.SQL("CREATE TABLE {} ({} text, {} int, {} text, PRIMARY KEY ({}, {}))").format(
                name, key, other, body, key, other
            )
        )
        rows = [(value, number, value[::-1]) for number, value in enumerate(keys)]
        session.cursor().executemany(compose.SQL("INSERT INTO {} VALUES ($1, $2, $3)").format(name), rows)
        found = read_table(session, f"public.{table}")
        pipeline = Pipeline(name="x", source="x", table=f"public.{table}", mapping={})
        statements = DocumentSql(pipeline, found, key_of(found, None))
        expected = [dict(zip(columns, row, strict=True)) for row in rows]

        ways = (
            by_keys(session, statements, [(value, str(number)) for number, value in enumerate(keys)]),
            copied(session, statements, BlockRange(f"public.{table}", 0, None)),
            compared(session, statements),
        )
        for found_by in ways:
            documents = [read(source) for _, source in found_by.values()]
            assert sorted(documents, key=lambda document: document[columns[1]]) == expected


def read(document: str) -> dict[str, Any]:
    """Return a document without pg2es' mark."""
    found: dict[str, Any] = json.loads(document)
    del found["_pg2es"]
    return found
