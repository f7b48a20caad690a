"""Traps that a stream of change events can fall into: values, keys and hot rows, with a real Debezium."""

import json
from typing import Any

import pytest

from pg2es.adapters.elasticsearch import fetch_documents
from pg2es.core.config import Pipeline
from pg2es.services.clients import Clients
from pg2es.services.generations import Generation, require_live_generation
from pg2es.services.stream import ensure_source, pass_barrier
from tests.integration.batch import check_equal, run_backfill
from tests.support import Database, ProjectFolder
from tests.topics import read_topic

ROWS = 40
TABLES = (
    """CREATE TABLE public.values (
      id bigint PRIMARY KEY,
      secret text NOT NULL DEFAULT 'nobody''s business',
      amount numeric, ratio float8, small real, day date, at timestamptz, local timestamp, clock timetz,
      took interval, raw bytea, bits varbit, data jsonb, plain json, list text[], dates date[], span tstzrange,
      address inet, money money, n integer, long text,
      twice integer GENERATED ALWAYS AS (n * 2) STORED)""",
    "ALTER TABLE public.values ALTER long SET STORAGE EXTERNAL",  # stored apart, uncompressed: TOAST
    "CREATE TABLE public.parts (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), value_id bigint NOT NULL, name text)",
    # Not the whole row, but what leads to the root: old and new value of the foreign key.
    "CREATE UNIQUE INDEX parts_identity ON public.parts (id, value_id)",
    "ALTER TABLE public.parts REPLICA IDENTITY USING INDEX parts_identity",
)
AWKWARD = """
SELECT n, 'secret ' || n,
  (ARRAY['NaN', 'Infinity', '-0.10', '1e100', '123456789012345678901234567890.12345678901234567890', '0.000'])
    [n % 6 + 1]::numeric,
  (ARRAY['NaN', '-Infinity', '1e-300', '0.1', '-0'])[n % 5 + 1]::float8,
  (ARRAY['1e38', '0.1', 'NaN'])[n % 3 + 1]::real,
  (ARRAY['infinity', '0044-03-15 BC', '1582-10-10', '9999-12-31', '20000-01-01'])[n % 5 + 1]::date,
  (ARRAY['-infinity', '0001-01-01 00:00:00.000001+00', '294276-12-31 23:59:59.999999+00', '2024-03-31 02:30+02'])
    [n % 4 + 1]::timestamptz,
  (ARRAY['infinity', '2024-02-29 23:59:59.999999', '4713-01-01 BC'])[n % 3 + 1]::timestamp,
  (ARRAY['24:00:00+15:59', '00:00:00.000001-12'])[n % 2 + 1]::timetz,
  (ARRAY['1 year -1 day 25:00:00', '-00:00:00.000001', '178000000 years'])[n % 3 + 1]::interval,
  decode('00ff5c22', 'hex'), B'101', '{"big": 123456789012345678901234567890.5, "null": null, "a": [1e400]}',
  '{"b":  1, "a": null}', ARRAY['a,b', NULL, '"', '\\', ''], ARRAY['infinity'::date, NULL],
  tstzrange('2024-01-01', NULL), '::ffff:1.2.3.4/128', '-1234.56', n, string_agg(md5(n || ' ' || i), '')
FROM generate_series({first}, {last}) n, generate_series(1, 200) i GROUP BY n"""


@pytest.fixture(scope="module")
def stream(module_folder: tuple[ProjectFolder, Database]) -> "Stream":
    return Stream(*module_folder)


class Stream:
    """A pipeline of awkward values: half of its rows come by the backfill, the rest by the stream."""

    def __init__(self, folder: ProjectFolder, database: Database) -> None:
        self.folder = folder
        self.database = database
        database.execute(*TABLES, self.insert(1, ROWS // 2))
        document = (
            "SELECT root.*, (SELECT json_agg(p.name ORDER BY p.name) FROM public.parts p WHERE p.value_id = root.id)"
            " AS parts FROM root"
        )
        related = [{"table": "public.parts", "root_key": "value_id"}]
        self.pipeline: Pipeline = folder.add_pipeline("values", "public.values", document=document, related=related)
        self.clients: Clients = folder.clients()
        ensure_source(self.clients, folder.source_model())
        run_backfill(self.clients, self.pipeline)
        self.generation: Generation = require_live_generation(self.clients.elasticsearch, self.pipeline)
        database.execute(self.insert(ROWS // 2 + 1, ROWS))
        self.pass_barrier()

    @staticmethod
    def insert(first: int, last: int) -> str:
        columns = AWKWARD.replace("{first}", str(first)).replace("{last}", str(last))
        names = (
            "id, secret, amount, ratio, small, day, at, local, clock, took, raw, bits, data, plain, list, dates, span,"
            " address, money, n, long"
        )
        return f"INSERT INTO public.values ({names}) {columns}"

    def pass_barrier(self) -> None:
        pass_barrier(self.clients, self.pipeline, self.generation)

    def documents(self) -> dict[str, bytes]:
        """Return every document's bytes, without id, mark and what differs from row to row."""
        ids = [str(number) for number in range(1, ROWS + 1)]
        found = fetch_documents(self.clients.elasticsearch, self.generation.index, ids)
        return {identifier: document.source for identifier, document in found.items()}

    def records(self, topic: str) -> list[tuple[Any, Any]]:
        """Return every key and value of a topic, as JSON."""
        return [
            (json.loads(message.key() or b"null"), json.loads(message.value() or b"null"))
            for message in read_topic(topic)
        ]


def test_values_are_equal_on_both_paths(stream: Stream) -> None:
    check_equal(stream.clients, stream.pipeline, ROWS)
    texts = " ".join(found.decode() for found in stream.documents().values())
    for part in ('"amount":"NaN"', '"ratio":"-Infinity"', '"day":"infinity"', '"amount":-0.10', '"twice":'):
        assert part in texts
    assert '"amount":123456789012345678901234567890.12345678901234567890' in texts


def test_a_long_value_that_did_not_change_stays_in_the_document(stream: Stream) -> None:
    stream.database.execute("UPDATE public.values SET n = n + 1000 WHERE id <= 5")
    check_equal(stream.clients, stream.pipeline, ROWS)
    texts = stream.database.fetch("SELECT id::text, long, twice::text FROM public.values WHERE id <= 5")
    documents = stream.documents()
    for identifier, long, twice in texts:
        assert f'"long":"{long}"'.encode() in documents[identifier]
        assert f'"twice":{twice}'.encode() in documents[identifier]


def test_a_part_that_moves_changes_the_old_and_the_new_root(stream: Stream) -> None:
    stream.database.execute("INSERT INTO public.parts (value_id, name) VALUES (1, 'moves'), (2, 'stays')")
    stream.pass_barrier()
    assert b'"parts":["moves"]' in stream.documents()["1"]
    stream.database.execute("UPDATE public.parts SET value_id = 2 WHERE name = 'moves'")
    stream.pass_barrier()
    assert b'"parts"' not in stream.documents()["1"]
    assert b'"parts":["moves","stays"]' in stream.documents()["2"]
    stream.database.execute("DELETE FROM public.parts")
    check_equal(stream.clients, stream.pipeline, ROWS)


def test_topics_carry_keys_and_root_columns_and_no_more(stream: Stream) -> None:
    stream.database.execute(
        "UPDATE public.values SET secret = 'changed' WHERE id = 9",
        "INSERT INTO public.parts (value_id, name) VALUES (9, 'secret')",
        "DELETE FROM public.parts",
    )
    stream.pass_barrier()
    source = stream.folder.source_model()
    for table, columns in {"values": {"id"}, "parts": {"id", "value_id"}}.items():
        records = stream.records(source.topic_of(f"public.{table}"))
        assert records
        for key, event in records:
            assert set(key) <= columns
            rows = [row for row in (event["before"], event["after"]) if row]
            assert rows
            assert all(set(row) <= columns for row in rows)
        assert "secret" not in json.dumps(records)


def test_only_barriers_come_out_of_the_message_topic(stream: Stream) -> None:
    stream.pass_barrier()
    records = stream.records(stream.folder.source_model().message_topic)
    assert {event["message"]["prefix"] for _, event in records} == {"pg2es-barrier"}
