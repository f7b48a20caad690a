"""Defaults of a role or database that change what a SELECT returns reach no document."""

import pytest

from pg2es.services.drift import compare
from pg2es.services.stream import pass_barrier
from tests.integration.streamed import Streamed
from tests.support import Database, ProjectFolder

SETUP = (
    """CREATE TABLE public.values (id bigint PRIMARY KEY, at timestamptz, day date, pause interval, raw bytea,
         half float8, price money, list text[], page xml)""",
    """INSERT INTO public.values SELECT n, '2026-03-29 01:30:00.5+00', '2026-02-01', '1 mon 2 days 03:04:05.6',
         '\\x00ff',
         0.1::float8 + n, 12345.6, '{a,null}', '<a>ä</a>' FROM generate_series(1, 5) n""",
    "CREATE SCHEMA decoy",
    "CREATE TABLE decoy.parts (id bigint PRIMARY KEY, number text)",
    "CREATE FUNCTION decoy.upper(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'decoy'::text$$",
)
DOCUMENT = """SELECT root.id, root.number, v.*, v.raw::text AS raw_text, v.at::text AS at_text,
  v.half::text AS half_text,
  v.pause::text AS pause_text, upper(root.number) AS upper, to_char(v.at, 'TMMonth') AS month,
  to_char(v.half, '9D99') AS decimals, 'public.values'::regclass::text AS name, root.number = NULL AS nothing,
  '{a,null}'::text[] AS nulls, xmlparse(content 'a<b/>')::text AS content, 'a<b/>'::xml AS implicit,
  'a\\b' AS backslash
  FROM root LEFT JOIN (SELECT w.id AS value_id, w.at, w.day, w.pause, w.raw, w.half, w.price, w.list, w.page
    FROM public.values w) v ON v.value_id = root.id"""
HOSTILE = {
    "TimeZone": "Pacific/Apia", "DateStyle": "German", "IntervalStyle": "sql_standard", "bytea_output": "escape",
    "extra_float_digits": "-15", "xmloption": "document", "xmlbinary": "hex", "standard_conforming_strings": "off",
    "quote_all_identifiers": "on", "transform_null_equals": "on", "array_nulls": "off", "search_path": "decoy, public",
    "default_transaction_isolation": "serializable", "default_transaction_read_only": "on", "row_security": "on",
    "gin_fuzzy_search_limit": "1", "client_encoding": "LATIN1", "statement_timeout": "1s",
    "default_transaction_deferrable": "on", "lc_time": "C", "session_replication_role": "replica",
    "plan_cache_mode": "force_generic_plan", "enable_seqscan": "off",
}  # fmt: skip


@pytest.fixture(scope="module")
def streamed(module_folder: tuple[ProjectFolder, Database]) -> Streamed:
    folder, database = module_folder
    database.execute(*SETUP)
    related = [{"table": "public.values", "root_key": "id"}]
    return Streamed(folder, database, document=DOCUMENT, related=related)


def test_a_role_with_hostile_defaults(streamed: Streamed) -> None:
    """Backfill and stream give the same bytes before and after."""
    streamed.check_equal()
    before = sources(streamed)
    for name, value in HOSTILE.items():
        streamed.database.execute_as_superuser(
            f"ALTER ROLE pg2es IN DATABASE {streamed.database.name} SET {name} = '{value}'"
        )
    streamed.clients.connect.restart(streamed.sink)
    streamed.database.execute_as_superuser(
        "UPDATE public.parts SET number = number", "UPDATE public.values SET id = id"
    )
    pass_barrier(streamed.clients, streamed.pipeline, streamed.live)
    found = compare(streamed.clients, streamed.pipeline, streamed.live)
    assert found.clean, f"{found}; {found.samples}"
    assert sources(streamed) == before


def sources(streamed: Streamed) -> dict[str, object]:
    """Return what the index holds."""
    client = streamed.clients.elasticsearch
    client.indices.refresh(index=streamed.live.index)
    found = client.search(index=streamed.live.index, size=1000)["hits"]["hits"]
    return {hit["_id"]: hit["_source"] for hit in found}
