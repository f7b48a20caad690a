"""Every value that PostgreSQL has of a type, as it comes in the events of a real source: it is the one of its row, or
the type is refused."""

import os

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from pg2es.adapters.postgres import Session, read_table
from pg2es.core.config import Related
from pg2es.core.dead_letters import parse_event
from pg2es.core.dead_letters.events import ChangeEvent
from pg2es.core.errors import CatalogError
from pg2es.core.sql import route_sql
from pg2es.core.sql.values import value_arrays
from pg2es.core.table import Column, key_of
from pg2es.services.stream import ensure_source
from tests.support import Database, ProjectFolder

TYPES = (
    "CREATE EXTENSION citext",
    "CREATE EXTENSION ltree",
    "CREATE EXTENSION hstore",
    "CREATE TYPE public.mood AS ENUM ('ok', 'so so')",
    "CREATE TYPE public.pair AS (a int, b text)",
    "CREATE DOMAIN public.code AS varchar(5)",
    "CREATE DOMAIN public.small_code AS public.code CHECK (value <> 'x')",
    "CREATE DOMAIN public.until AS date",
    "CREATE DOMAIN public.hash AS bytea",
    "CREATE DOMAIN public.feeling AS public.mood",
)
VALUES = {
    "boolean": ("true", "false"),
    "smallint": ("-32768",),
    "integer": ("-2147483648",),
    "bigint": ("9223372036854775807", "-9007199254740993"),
    "oid": ("4294967295",),
    "numeric": ("0", "7.00", "1e-20", "123456789012345678901234567890.125", "1e30", "NaN", "Infinity", "-Infinity"),
    "numeric(10,2)": ("7.10", "-0.01", "NaN"),
    "real": ("1.5", "1e10", "-1e-10", "3.4028235e38", "0.1", "-0", "NaN", "Infinity", "-Infinity"),
    "double precision": ("1e300", "-1e-10", "0.1", "123456789.123456789", "-0", "NaN", "Infinity", "-Infinity"),
    "money": ("1.50", "-1234567.89"),
    "text": ("", "a b", "ä€😀", "'\"\\,{}", "NULL", "+5877611-06-21Z"),
    "character varying(9)": ("x", " x "),
    "character(5)": ("ab",),
    '"char"': ("x",),
    "public.citext": ("AbC",),
    "public.ltree": ("a.b.c",),
    "uuid": ("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",),
    "bytea": ("\\x", "\\x00ff5c", "\\x5c783030"),
    "date": (
        "2024-02-29", "0001-01-01", "0001-12-31 BC", "0044-03-15 BC", "4713-01-01 BC", "9999-12-31", "12024-01-01",
        "5874897-12-31", "1582-10-10", "infinity", "-infinity",
    ),
    "timestamp": (
        "2024-02-29 12:34:56.789123", "1969-12-31 23:59:59.999999", "0001-01-01 00:00:00", "0044-03-15 01:02:03 BC",
        "4713-01-01 00:00:00 BC", "12024-01-01 00:00:00.000001", "294276-12-31 23:59:59.999999", "infinity",
        "-infinity",
    ),
    "timestamp(3)": ("2024-02-29 12:34:56.789",),
    "timestamptz": (
        "2024-02-29 12:34:56.789123+02", "1969-12-31 23:59:59.999999+00", "1883-01-01 00:00:00+00",
        "0044-03-15 01:02:03+00 BC", "12024-01-01 00:00:00.000001+00", "infinity", "-infinity",
    ),
    "interval": (
        "1 year 2 mons 3 days 04:05:06.789", "-1 day", "0", "-1 year -2 mons +3 days -04:05:06.5", "178000000 years",
        "00:00:00.000001",
    ),
    "inet": ("192.168.0.1", "192.168.0.1/24", "::1"),
    "cidr": ("10.0.0.0/8",),
    "macaddr": ("08:00:2b:01:02:03",),
    "macaddr8": ("08:00:2b:01:02:03:04:05",),
    "json": ('{"a": 1, "a": 2}',),
    "jsonb": ('{"a": 1000000000000000000000000000000, "b": [null, 1.50]}',),
    "xml": ("<a/>",),
    "tsvector": ("'a':1 'b':2",),
    "int4range": ("[1,5)", "empty", "(,3)"),
    "int8range": ("[1,2)",),
    "numrange": ("[1.5,2]",),
    "daterange": ("[2024-01-01,2024-02-01)", "[2024-01-01,infinity)"),
    "tsrange": ("[2024-01-01 00:00:00,)",),
    "tstzrange": ("[2024-01-01 00:00:00+00,)",),
    "public.mood": ("ok", "so so"),
    "public.small_code": ("ab",),
    "public.until": ("infinity", "2024-02-29"),
    "public.hash": ("\\xff",),
    "public.feeling": ("ok",),
}  # fmt: skip
REFUSED = (
    "name", "bit(3)", "bit varying", "time", "time with time zone", "point", "integer[]", "public.hstore",
    "public.pair", "pg_lsn", "xid", "regclass", "jsonpath", "int4multirange",
)  # fmt: skip


def test_every_value_of_an_event_is_read_as_the_one_of_its_row(
    streamed_folder: ProjectFolder, database: Database
) -> None:
    database.execute_as_superuser(*TYPES[:3])
    columns = {name: f"c{number}" for number, name in enumerate(VALUES)}
    listed = ", ".join(f"{column} {name}" for name, column in columns.items())
    database.execute(
        *TYPES[3:],
        "CREATE TABLE public.roots (id bigint PRIMARY KEY)",
        f"CREATE TABLE public.other (id bigint PRIMARY KEY, {listed})",
    )
    related = {"table": "public.other", "roots_sql": "SELECT id FROM changed", "columns": ["id", *columns.values()]}
    streamed_folder.add_pipeline("roots", "public.roots", related=[related])
    source, clients = streamed_folder.source_model(), streamed_folder.clients()
    ensure_source(clients, source)
    values = [(columns[name], name, value) for name, values in VALUES.items() for value in values]
    database.execute(
        *(
            f"INSERT INTO public.other (id, {column}) VALUES ({number}, $value${value}$value$::text::{name})"
            for number, (column, name, value) in enumerate(values)
        )
    )
    events = read_events(source.topic_of("public.other"), len(values))
    with clients.session(source) as session:
        table = read_table(session, "public.other")
        wrong = [
            (name, value, event)
            for number, (column, name, value) in enumerate(values)
            for event in [events[number]]
            if not leads_to_its_row(session, table.column(column), number, event)
        ]
    assert wrong == []


def leads_to_its_row(session: Session, column: Column, number: int, event: ChangeEvent) -> bool:
    """Return whether the event's text, read as the routes read it, is the value that the row has."""
    [(text,)] = event.tuples([column.name])
    array = value_arrays([column])
    statement = f"SELECT ({array})[1]::text = {column.name}::text FROM public.other WHERE id = {number}"
    [(same,)] = session.execute(statement.encode(), [[text]]).fetchall()
    return bool(same)


def read_events(topic: str, count: int) -> dict[int, ChangeEvent]:
    """Return the first events of a topic, by the `id` of their row."""
    consumer = Consumer({"bootstrap.servers": os.environ["PG2ES_KAFKA_BOOTSTRAP"], "group.id": topic})
    try:
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
        records: list[Message] = []
        while len(records) < count:
            found = consumer.consume(count - len(records), timeout=30)
            assert found, f"{len(records)} events instead of {count}"
            records += found
    finally:
        consumer.close()
    events = [parse_event(record.value()) for record in records]
    return {event.images[-1]["id"]: event for event in events}


@pytest.mark.parametrize("type_name", REFUSED)
def test_what_no_event_carries_leads_to_no_root(
    database: Database, project_folder: ProjectFolder, type_name: str
) -> None:
    database.execute_as_superuser("CREATE EXTENSION hstore")
    database.execute(
        "CREATE TYPE public.pair AS (a int, b text)",
        "CREATE TABLE public.roots (id bigint PRIMARY KEY)",
        f"CREATE TABLE public.other (id bigint PRIMARY KEY, c {type_name})",
    )
    with project_folder.clients().session(project_folder.source_model()) as session:
        root, other = read_table(session, "public.roots"), read_table(session, "public.other")
    related = Related(table="public.other", roots_sql="SELECT id FROM changed", columns=("id", "c"))
    with pytest.raises(
        CatalogError, match=r"Column public.other.c has type .*, whose values change events do not carry"
    ):
        route_sql(related, other, root, key_of(root, None))
