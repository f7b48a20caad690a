"""An independent judge: rows and documents as Python values, read and compared without any code or SQL of pg2es.

    rows       psycopg, the document SQL or SELECT *  ──▶  {id: {column: value}}  ┐
                                                                                  ├─▶ equal, to the last digit
    documents  plain HTTP, JSON                       ──▶  {id: {field: value}}   ┘

A number with a fraction or an exponent stays the text that it was written as.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

import httpx
import psycopg
from psycopg import sql
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.rows import TupleRow
from psycopg.types.json import set_json_loads
from psycopg.types.string import TextLoader

from pg2es.core.config import Pipeline
from pg2es.services.clients import Clients
from pg2es.services.generations import Generation
from tests.support import connect

PAGE = 10_000
SHOWN = 5
"""Differing documents that are named."""

Documents = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Number:
    """A number that is no integer."""

    text: str


def parse(text: str | bytes) -> Any:
    """Return what a JSON text says."""
    return json.loads(text, parse_float=Number)


def check(clients: Clients, pipeline: Pipeline, generation: Generation) -> Documents:
    """Return a generation's documents; fail unless they are exactly what its rows say.

    For when everything that was committed is searchable.
    """
    made = generation.made_from(pipeline)
    database = clients.project.source_of(pipeline).postgres.database
    expected, found = read_rows(database, made.table, made.key, made.document), read_documents(generation.index)
    wrong = [name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)]
    pairs = [f"{name}: {found.get(name)} instead of {expected.get(name)}" for name in wrong[:SHOWN]]
    assert not wrong, f"{len(wrong)} documents of {generation.index} are not what their rows say: {'; '.join(pairs)}"
    return found


def read_documents(alias: str) -> Documents:
    """Return every document that a search finds, by id, without pg2es' mark."""
    return {
        hit["_id"]: {name: value for name, value in hit["_source"].items() if name != "_pg2es"}
        for hit in _search(alias)
    }


def read_rows(database: str, table: str, key: tuple[str, ...] | None, document: str | None = None) -> Documents:
    """Return what the document of each root should be, by id. Without a key, that is the primary key."""
    settings = "-c TimeZone=UTC -c IntervalStyle=iso_8601 -c lc_monetary=C"
    with connect(database, options=settings) as session:
        set_json_loads(parse, session)
        for types, loader in LOADERS.items():
            for name in types.split():
                session.adapters.register_loader(name, loader)
        names = key or _primary_key(session, table)
        root = sql.SQL("SELECT * FROM {}").format(sql.Identifier(*table.split(".", 1)))
        text: LiteralString = document or "SELECT * FROM root"
        query = sql.SQL("WITH root AS ({}) SELECT judged.* FROM (\n{}\n) judged").format(root, sql.SQL(text))
        cursor = session.execute(query)
        columns = [column.name for column in cursor.description or ()]
        rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    documents = {_id([row[name] for name in names]): _object(row) for row in rows}
    assert len(documents) == len(rows), "two documents have one id"
    return documents


def _search(alias: str) -> Iterator[dict[str, Any]]:
    """Give every hit, page by page."""
    url = os.environ["PG2ES_ELASTICSEARCH_URLS"].split(",")[0]
    login = (os.environ["PG2ES_ELASTICSEARCH_USER"], os.environ["PG2ES_ELASTICSEARCH_PASSWORD"])
    with httpx.Client(base_url=url, auth=login, timeout=60, verify=False) as client:

        def ask(method: str, path: str, **body: Any) -> Any:
            answer = client.request(method, path, json=body or None)
            answer.raise_for_status()
            return parse(answer.content)

        ask("POST", f"/{alias}/_refresh")
        view = ask("POST", f"/{alias}/_pit?keep_alive=1m")["id"]
        query: dict[str, Any] = {"size": PAGE, "pit": {"id": view}, "sort": ["_shard_doc"]}
        while hits := ask("POST", "/_search", **query)["hits"]["hits"]:
            yield from hits
            query["search_after"] = hits[-1]["sort"]
        ask("DELETE", "/_pit", id=view)


def _primary_key(session: psycopg.Connection[TupleRow], table: str) -> tuple[str, ...]:
    columns = session.execute(
        "SELECT k.column_name FROM information_schema.table_constraints c"
        " JOIN information_schema.key_column_usage k"
        " USING (table_schema, table_name, constraint_schema, constraint_name)"
        " WHERE c.constraint_type = 'PRIMARY KEY' AND (c.table_schema, c.table_name) = (%s, %s)"
        " ORDER BY k.ordinal_position",
        table.split(".", 1),
    )
    return tuple(name for (name,) in columns)


def _id(key: list[Any]) -> str:
    texts = [_text(part) for part in key]
    return texts[0] if len(texts) == 1 else json.dumps(texts, ensure_ascii=False)


def _text(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case Number():
            return value.text
    return str(value)


def _object(row: dict[str, Any]) -> dict[str, Any]:
    return {name: _value(value) for name, value in row.items() if value is not None}


def _value(value: Any) -> Any:
    """Return what JSON should say of a value; AssertionError for one that the judge does not know."""
    match value:
        case bool() | int() | str() | Number():
            return value
        case UUID():
            return str(value)
        case bytes():
            return f"\\x{value.hex()}"
        case dict():
            return _object(value)
        case list():
            return [None if item is None else _value(item) for item in value]
    raise AssertionError(f"the judge knows no {type(value).__name__}")


class _NumberLoader(Loader):
    """Numbers; what JSON has no number for is a text."""

    def load(self, data: Buffer) -> int | str | Number:
        text = bytes(data).decode()
        if text in ("NaN", "Infinity", "-Infinity"):
            return text
        return int(text) if text.removeprefix("-").isdigit() else Number(text)


class _TimestampLoader(Loader):
    """Points of time as ISO 8601 has them: a T between date and time, minutes in the offset."""

    def load(self, data: Buffer) -> str:
        text = bytes(data).decode().replace(" ", "T", 1)
        return text.replace("+00", "+00:00")


LOADERS: dict[str, type[Loader]] = {
    "numeric float4 float8": _NumberLoader,
    "timestamp timestamptz": _TimestampLoader,
    "date time timetz interval money inet cidr": TextLoader,
    "int4range int8range numrange tsrange tstzrange daterange": TextLoader,
    "int4multirange int8multirange nummultirange tsmultirange tstzmultirange datemultirange": TextLoader,
}
"""Of other types psycopg makes the Python value, of those that it does not know the text."""
