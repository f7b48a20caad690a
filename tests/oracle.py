"""An independent judge: rows and documents as Python values, read and compared without any code or SQL of pg2es.

    rows       psycopg, SELECT *   ──▶  {id: {column: value}}  ┐
                                                               ├─▶ equal, to the last digit
    documents  plain HTTP, JSON    ──▶  {id: {field: value}}   ┘

A number with a fraction or an exponent stays the text that it was written as.
"""

import json
import math
import os
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import set_json_loads

from tests.support import connect

PAGE = 5_000

Documents = dict[str, dict[str, Any]]


def parse(text: str | bytes) -> Any:
    """Return what a JSON text says; numbers that are no integers as their texts."""
    return json.loads(text, parse_float=str)


def read_documents(alias: str) -> Documents:
    """Return every document that a search finds, by id, without pg2es' mark."""
    url = os.environ["PG2ES_ELASTICSEARCH_URLS"].split(",")[0]
    login = (os.environ["PG2ES_ELASTICSEARCH_USER"], os.environ["PG2ES_ELASTICSEARCH_PASSWORD"])
    with httpx.Client(base_url=url, auth=login, timeout=60) as client:
        client.post(f"/{alias}/_refresh").raise_for_status()
        answer = client.post(f"/{alias}/_search", json={"size": PAGE, "track_total_hits": True})
        answer.raise_for_status()
    hits = parse(answer.content)["hits"]
    assert hits["total"]["value"] == len(hits["hits"]), "more documents than fit in a page"
    return {
        hit["_id"]: {name: value for name, value in hit["_source"].items() if name != "_pg2es"} for hit in hits["hits"]
    }


def read_rows(database: str, table: str, key: tuple[str, ...]) -> Documents:
    """Return the document of each row of a table whose document is all of its columns."""
    with connect(database, options="-c TimeZone=UTC") as session, session.cursor(row_factory=dict_row) as cursor:
        set_json_loads(parse, session)
        rows = cursor.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(*table.split(".", 1)))).fetchall()
    return {_id([row[name] for name in key]): _object(row) for row in rows}


def check_rows(database: str, table: str, key: tuple[str, ...], alias: str) -> None:
    """Fail unless an index holds exactly the rows of a table."""
    assert read_documents(alias) == read_rows(database, table, key)


def _id(key: list[Any]) -> str:
    texts = [str(_value(part)) for part in key]
    return texts[0] if len(texts) == 1 else json.dumps(texts, ensure_ascii=False)


def _object(row: dict[str, Any]) -> dict[str, Any]:
    return {name: _value(value) for name, value in row.items() if value is not None}


def _value(value: Any) -> Any:
    """Return what JSON should say of a value; AssertionError for one that the judge does not know."""
    match value:
        case bool() | int() | str():
            return value
        case Decimal():
            text = format(value, "f")
            return text if "." in text else int(text)
        case float() if math.isfinite(value):
            return int(value) if value.is_integer() and abs(value) < 1e15 else repr(value)
        case datetime() | date():
            return value.isoformat()
        case UUID():
            return str(value)
        case dict():
            return _object(value)
        case list():
            return [None if item is None else _value(item) for item in value]
    raise AssertionError(f"the judge knows no {type(value).__name__}")
