"""Change events as a replay reads them: the same as in the sink's RootCollectorTest and ScalarTextTest."""

import json
from typing import Any

import pytest

from pg2es.core.dead_letters import parse_event
from pg2es.core.dead_letters.events import UNAVAILABLE
from pg2es.core.errors import UnreadableRecord


def event(**fields: Any) -> bytes:
    return json.dumps({"op": "u", **fields}).encode()


def test_the_row_before_and_the_row_after_both_count() -> None:
    found = parse_event(event(before={"id": 1, "order_id": 5}, after={"id": 1, "order_id": 6}, source={"txId": 7}))
    assert found.tuples(["order_id"]) == {("5",), ("6",)}
    assert found.tuples(["id"]) == {("1",)}
    assert found.transaction == 7


def test_a_null_stays_one() -> None:
    assert parse_event(event(after={"a": 1, "b": None})).tuples(["a", "b"]) == {("1", None)}


@pytest.mark.parametrize("schema", [{"schema": {}}, {"schemaId": 7}])
def test_a_schema_may_be_around_it(schema: dict[str, Any]) -> None:
    wrapped = json.dumps(schema | {"payload": {"op": "r", "before": None, "after": {"id": 1}}})
    found = parse_event(wrapped.encode())
    assert found.tuples(["id"]) == {("1",)}
    assert found.transaction is None


def test_a_transaction_counts_by_its_low_half() -> None:
    assert parse_event(event(after={}, source={"txId": (3 << 32) + 9})).transaction == 9


@pytest.mark.parametrize(
    ("literal", "text"),
    [
        ('"a b"', "a b"),
        ("true", "true"),
        ("false", "false"),
        ("12345678901234567890", "12345678901234567890"),
        ("1.50", "1.5"),
        ("1e10", "10000000000"),
        ("NaN", "NaN"),
    ],
)
def test_values_are_written_as_postgres_reads_them(literal: str, text: str) -> None:
    found = parse_event(f'{{"op": "c", "after": {{"k": {literal}}}}}'.encode())
    assert found.tuples(["k"]) == {(text,)}


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "no Debezium envelope"),
        (b"{", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[1]", "no Debezium envelope"),
        (b'{"id": 1}', "no Debezium envelope"),
        (b'{"op": "m"}', "no Debezium envelope"),
        (b'{"op": "t"}', "TRUNCATE"),
        (b'{"op": "c"}', "neither before nor after"),
    ],
)
def test_what_is_no_change_of_a_row(value: bytes | None, why: str) -> None:
    with pytest.raises(UnreadableRecord, match=why):
        parse_event(value)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({}, "has no column id"),
        ({"id": UNAVAILABLE}, "was left out of the WAL"),
        ({"id": "a\0"}, "no text that PostgreSQL reads"),
        ({"id": [1]}, "no text that PostgreSQL reads"),
    ],
)
def test_a_column_that_tells_no_root(row: dict[str, Any], why: str) -> None:
    with pytest.raises(UnreadableRecord, match=why):
        parse_event(event(after=row)).tuples(["id"])
