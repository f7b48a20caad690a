"""The rendered SQL over the real PostgreSQL: the same bytes on every path, whatever the values and the settings."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from pg2es.adapters.postgres import Session, read_relations, read_table
from pg2es.core.backfill import BlockRange, plan_chunks
from pg2es.core.config import Pipeline
from pg2es.core.drift import is_intact
from pg2es.core.drift.digest import digest
from pg2es.core.sql import BUCKETS, DocumentSql, route_sql
from pg2es.core.table import key_of
from pg2es.services.generations import document_columns
from tests.support import Database, ProjectFolder

AWKWARD = """
INSERT INTO public.things
SELECT v.* FROM (VALUES
  (1, 'plain', 1.5::numeric, 1.5::float8, '{}'::int[], '{"a": 1}'::jsonb, '[1,5)'::int4range, '\\x00ff'::bytea,
   'ab'::char(5), timestamptz '2024-02-29 12:00+02', interval '1 day 02:03:04.5'),
  (2, E'quote " back\\\\slash \\n\\t / \\u2028 \\b', 1e100, 'NaN', '{1,NULL,3}', '[]', 'empty', '',
   '', 'infinity', '-1 year'),
  (3, 'emoji 😀 ä \U0001f468\u200d\U0001f469', 0.10, '-Infinity', '{{1,2},{3,4}}', '{"b": {"c": [null]}}', '(,)', NULL,
   'é', '0044-03-15 BC', '0'),
  (4, '', 'NaN', -0.0, NULL, 'null', NULL, '\\x5c', NULL, '294276-12-31 23:59:59.999999', 'P1Y2M'),
  (5, NULL, 12345678901234567890.123456789, 1e-300, '{0}', '"\\ud83d\\ude00"', '[1,2]', '\\xdeadbeef',
   'xyz', '2024-01-01', NULL),
  (6, (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 4000) i), 'Infinity', 1e15, '{1}', '{"": ""}',
   '[1,1]', NULL, 'q', NULL, '-00:00:01')
) AS v (n, note, amount, ratio, list, data, span, raw, code, at, took)
"""
TABLE = """CREATE TABLE public.things (id bigint PRIMARY KEY, note text, amount numeric, ratio float8, list int[],
  data jsonb, span int4range, raw bytea, code char(5), at timestamptz, took interval)"""

EVERYTHING = BlockRange("public.things", 0, None)


@pytest.fixture
def things(database: Database) -> Database:
    database.execute(TABLE, AWKWARD)
    return database


@pytest.fixture
def session(database: Database, project_folder: ProjectFolder) -> Iterator[Session]:
    """A session as pg2es opens it."""
    with project_folder.clients().session(project_folder.source_model()) as session:
        yield session


def sql_for(session: Session, table: str, key: Sequence[str] | None = None, document: str | None = None) -> DocumentSql:
    pipeline = Pipeline(name="x", source="x", table=table, document=document, mapping={})
    found = read_table(session, table)
    return DocumentSql(pipeline, found, key_of(found, tuple(key) if key else None))


def by_keys(session: Session, sql: DocumentSql, keys: Sequence[Sequence[str]], version: int = 7) -> dict[str, Any]:
    """`id → (action, source)`; fails when an id comes twice."""
    columns = [list(column) for column in zip(*keys, strict=True)]
    rows = session.execute(sql.by_keys(), [*columns, version, 2**30, 2**30]).fetchall()
    assert len({row[0] for row in rows}) == len(rows)
    return {identifier: (json.loads(action), source) for identifier, action, source, _, _ in rows}


def copied(session: Session, sql: DocumentSql, blocks: BlockRange = EVERYTHING, version: int = 7) -> dict[str, Any]:
    """The same from the lines of a COPY."""
    with session.cursor().copy(sql.copy_blocks(blocks, version)) as copy:
        copy.set_types(["text"])
        lines = "".join(row[0] for row in copy.rows()).split("\n")
    assert lines.pop() == ""
    pairs = list(zip(lines[::2], lines[1::2], strict=True))
    found = {}
    for action, source in pairs:
        parsed = json.loads(action)
        found[parsed["index"]["_id"]] = (parsed, source)
    assert len(found) == len(pairs)
    return found


def compared(session: Session, sql: DocumentSql) -> dict[str, tuple[int, str]]:
    return {identifier: (bucket, source) for bucket, identifier, source in session.execute(sql.compare())}


class TestSameBytesOnEveryPath:
    def test_keys_copy_and_comparison_agree(self, things: Database, session: Session) -> None:
        sql = sql_for(session, "public.things")
        read = by_keys(session, sql, [(str(n),) for n in range(1, 7)])
        assert len(read) == 6
        assert read == copied(session, sql)
        assert {i: source for i, (_, source) in read.items()} == {
            i: source for i, (_, source) in compared(session, sql).items()
        }

    def test_a_document_is_one_line_of_json(self, things: Database, session: Session) -> None:
        documents = by_keys(session, sql_for(session, "public.things"), [(str(n),) for n in range(1, 7)])
        for _, source in documents.values():
            assert "\n" not in source
            json.loads(source)
        plain = json.loads(documents["1"][1])
        del plain["_pg2es"]
        assert plain == {
            "id": 1, "note": "plain", "amount": 1.5, "ratio": 1.5, "list": [], "data": {"a": 1}, "span": "[1,5)",
            "raw": "\\x00ff", "code": "ab   ", "at": "2024-02-29T10:00:00+00:00", "took": "P1DT2H3M4.5S",
        }  # fmt: skip
        assert json.loads(documents["2"][1])["note"] == 'quote " back\\slash \n\t / \u2028 \b'
        assert json.loads(documents["3"][1])["note"].startswith("emoji 😀 ä")
        assert '"amount":0.10,' in documents["3"][1]
        assert '"amount":12345678901234567890.123456789,' in documents["5"][1]
        assert len(json.loads(documents["6"][1])["note"]) == 128_000

    def test_the_mark_is_the_digest_of_the_bytes_that_follow(self, things: Database, session: Session) -> None:
        sql = sql_for(session, "public.things")
        for identifier, (bucket, source) in compared(session, sql).items():
            mark = json.loads(source)["_pg2es"]
            document = b"{" + source.encode().partition(b"},")[2]
            assert (mark["d0"], mark["d1"]) == digest(document)
            assert mark["bucket"] == bucket
            assert 0 <= bucket < BUCKETS
            assert is_intact(source.encode())
            assert not is_intact(source.encode()[:-1] + b" }"), identifier

    def test_digests_are_summed_and_listed_as_marks_have_them(self, things: Database, session: Session) -> None:
        sql = sql_for(session, "public.things")
        found = compared(session, sql)
        marks = {identifier: json.loads(source)["_pg2es"] for identifier, (_, source) in found.items()}
        listed = {row[1]: row for row in session.execute(sql.list_digests([bucket for bucket, _ in found.values()]))}
        assert listed == {i: (mark["bucket"], i, mark["d0"], mark["d1"]) for i, mark in marks.items()}
        assert sorted(session.execute(sql.sum_digests())) == sorted(
            (mark["bucket"], 1, mark["d0"], mark["d1"]) for mark in marks.values()
        )
        assert session.execute(sql.list_digests([])).fetchall() == []

    def test_digests_of_plain_types_are_the_same_without_stripping(self, things: Database, session: Session) -> None:
        things.execute(
            """INSERT INTO public.things (id, note) VALUES
               (7, ':null'), (8, '{"a":null}'), (9, '","note":null,"'), (10, 'null'), (11, ''), (12, E'\\u0001\x7f')"""
        )
        plain = "SELECT note, id, amount, ratio, list, raw, code, at, took FROM root"
        sql = sql_for(session, "public.things", document=plain)
        faster = sql.knowing(name for _, name in document_columns(session, sql))
        assert faster.plain
        for statement, other in (
            (sql.sum_digests(), faster.sum_digests()),
            (sql.list_digests(range(BUCKETS)), faster.list_digests(range(BUCKETS))),
        ):
            assert statement != other
            assert sorted(session.execute(statement)) == sorted(session.execute(other))

    @pytest.mark.parametrize("column", ["data", "span", "root", "ARRAY[data]", "json_build_array(1)"])
    def test_other_types_are_always_stripped(self, column: str, things: Database, session: Session) -> None:
        sql = sql_for(session, "public.things", document=f"SELECT id, {column} AS other FROM root")
        assert sql.knowing(name for _, name in document_columns(session, sql)) == sql

    def test_nulls_are_left_out_at_every_depth_but_not_from_arrays(self, things: Database, session: Session) -> None:
        documents = by_keys(session, sql_for(session, "public.things"), [("2",), ("3",), ("4",)])
        assert json.loads(documents["2"][1])["list"] == [1, None, 3]
        assert json.loads(documents["3"][1])["data"] == {"b": {"c": [None]}}
        assert set(json.loads(documents["4"][1])) == {"_pg2es", "id", "note", "amount", "ratio", "raw", "at", "took"}

    def test_a_column_added_with_nulls_changes_no_byte(self, things: Database, session: Session) -> None:
        before = compared(session, sql_for(session, "public.things"))
        things.execute("ALTER TABLE things ADD later text")
        assert compared(session, sql_for(session, "public.things")) == before
        things.execute("ALTER TABLE things DROP later, ADD more int DEFAULT 1")
        assert compared(session, sql_for(session, "public.things")) != before

    def test_an_empty_document_cannot_be_told_from_its_mark(self, database: Database, session: Session) -> None:
        """A document SQL must return its key; a key column without a value is the only way to `{}`."""
        database.execute("CREATE TABLE public.a (id int PRIMARY KEY)", "INSERT INTO a VALUES (1)")
        sql = sql_for(session, "public.a", document="SELECT NULL::int AS id FROM root")
        ((_, source),) = session.execute(sql.compare().replace("SELECT bucket, id", "SELECT id")).fetchall()
        assert source.startswith('{"_pg2es":{"d0":')
        assert source.endswith("}}")
        assert is_intact(source.replace(',"bucket":}', ',"bucket":0}').encode())
        assert digest(b"{}") == tuple(
            json.loads(source.replace('"bucket":}', '"bucket":0}'))["_pg2es"][h] for h in ("d0", "d1")
        )


class TestKeys:
    @pytest.mark.parametrize(
        ("type_name", "values"),
        [
            ("bigint", ["1", "-9223372036854775808", "9223372036854775807"]),
            ("uuid", ["00000000-0000-0000-0000-000000000001", "ffffffff-ffff-ffff-ffff-ffffffffffff"]),
            ("text", ["a", "", "quote ' \" \\ , { } NULL", "😀", "null", " x ", "line\nbreak", "$1 %s"]),
            ("varchar(10)", ["a", "{}"]),
            ("numeric", ["1.50", "1e10", "NaN"]),
            ("date", ["2024-02-29", "infinity"]),
            ("boolean", ["true", "false"]),
        ],
    )
    def test_a_single_key(self, database: Database, session: Session, type_name: str, values: list[str]) -> None:
        database.execute(f"CREATE TABLE public.things (id {type_name} PRIMARY KEY, n int)")
        for number, value in enumerate(values):
            session.execute("INSERT INTO public.things VALUES ($1::text::" + type_name + ", $2)", [value, number])
        sql = sql_for(session, "public.things")
        read = by_keys(session, sql, [(value,) for value in values])
        assert sorted(json.loads(source)["n"] for _, source in read.values()) == list(range(len(values)))
        assert read == copied(session, sql)

    def test_a_composite_key_is_unambiguous(self, database: Database, session: Session) -> None:
        database.execute(
            "CREATE TABLE public.things (a text, b int, c uuid, PRIMARY KEY (c, a, b))",
            "INSERT INTO things VALUES ('x\",\"1', 2, '00000000-0000-0000-0000-000000000000'), "
            "('x', 12, '00000000-0000-0000-0000-000000000000'), ('', 1, '00000000-0000-0000-0000-000000000000')",
        )
        sql = sql_for(session, "public.things")
        zero = "00000000-0000-0000-0000-000000000000"
        keys = [(zero, 'x","1', "2"), (zero, "x", "12"), (zero, "", "1"), (zero, "gone", "1")]
        read = by_keys(session, sql, keys)
        assert {tuple(json.loads(identifier)) for identifier in read} == set(keys)
        assert [source for identifier, (_, source) in read.items() if "gone" in identifier] == [None]
        assert {i: v for i, v in read.items() if v[1]} == copied(session, sql)

    def test_a_root_without_a_document_is_deleted(self, things: Database, session: Session) -> None:
        sql = sql_for(session, "public.things", document="SELECT * FROM root WHERE id <> 2")
        read = by_keys(session, sql, [("1",), ("2",), ("99",)], version=2**62)
        assert {i: next(iter(action)) for i, (action, _) in read.items()} == {
            "1": "index",
            "2": "delete",
            "99": "delete",
        }
        assert read["2"] == ({"delete": {"_id": "2", "version": 2**62, "version_type": "external"}}, None)
        assert read["1"][0] == {"index": {"_id": "1", "version": 2**62, "version_type": "external"}}

    def test_each_root_comes_once_however_often_it_is_asked_for(self, things: Database, session: Session) -> None:
        read = by_keys(session, sql_for(session, "public.things"), [("1",), ("01",), ("1",), ("+1",)])
        assert list(read) == ["1"]

    def test_hostile_names(self, database: Database, session: Session) -> None:
        database.execute(
            'CREATE SCHEMA "se""x;--"',
            'CREATE TABLE "se""x;--"."t\'a--b" ("k;1" int, "select" text, "Üx$1" int, PRIMARY KEY ("k;1", "select"))',
            'INSERT INTO "se""x;--"."t\'a--b" VALUES (1, \'one\', 5)',
        )
        sql = sql_for(session, "se\"x;--.t'a--b")
        read = by_keys(session, sql, [("1", "one")])
        assert json.loads(read['["1", "one"]'][1]) | {"_pg2es": 0} == {
            "_pg2es": 0,
            "k;1": 1,
            "select": "one",
            "Üx$1": 5,
        }
        assert read == copied(session, sql, BlockRange("se\"x;--.t'a--b", 0, None))

    def test_tables_named_like_parts_of_the_statement(self, database: Database, session: Session) -> None:
        """What pg2es wraps around the document SQL hides none of the tables that it reads."""
        names = ("requested", "documents", "digests", "texts", "d", "k")
        database.execute("CREATE TABLE public.a (id int PRIMARY KEY)", "INSERT INTO a VALUES (1)")
        for name in names:
            database.execute(f"CREATE TABLE public.{name} AS SELECT 1 AS id, '{name}' AS label")
        parts = ", ".join(f"(SELECT t.label FROM {name} t WHERE t.id = root.id) AS label_{name}" for name in names)
        sql = sql_for(session, "public.a", document=f"SELECT root.id, {parts} FROM root")
        found = json.loads(by_keys(session, sql, [("1",)])["1"][1])
        assert [found[f"label_{name}"] for name in names] == list(names)


class TestBlocks:
    def test_chunks_and_slices_read_each_row_once(self, database: Database, session: Session) -> None:
        database.execute(
            "CREATE TABLE public.things (id int PRIMARY KEY, pad text)",
            "INSERT INTO things SELECT i, repeat('x', 300) FROM generate_series(1, 5000) i",
            "DELETE FROM things WHERE id % 3 = 0",
        )
        sql = sql_for(session, "public.things")
        everything = copied(session, sql)
        assert len(everything) == 3334
        for count in (1, 2, 7, 50):
            parts = [
                copied(session, sql, chunk.blocks)
                for chunk in plan_chunks(read_relations(session, "public.things"), count)
            ]
            assert sum(map(len, parts)) == 3334
            assert {i: v for part in parts for i, v in part.items()} == everything

    def test_an_empty_table(self, database: Database, session: Session) -> None:
        database.execute("CREATE TABLE public.things (id int PRIMARY KEY)")
        chunks = plan_chunks(read_relations(session, "public.things"), None)
        assert [chunk.blocks for chunk in chunks] == [EVERYTHING]
        assert copied(session, sql_for(session, "public.things")) == {}

    def test_rows_that_come_later_are_in_the_last_chunk(self, things: Database, session: Session) -> None:
        chunks = plan_chunks(read_relations(session, "public.things"), 3)
        things.execute("INSERT INTO things (id, note) SELECT i, repeat('x', 500) FROM generate_series(100, 2000) i")
        sql = sql_for(session, "public.things")
        assert sum(len(copied(session, sql, chunk.blocks)) for chunk in chunks) == 6 + 1901

    def test_partitions_with_columns_in_another_order(self, database: Database, session: Session) -> None:
        database.execute(
            "CREATE TABLE public.things (id int, note text, n int, PRIMARY KEY (id)) PARTITION BY RANGE (id)",
            "CREATE TABLE public.part_a PARTITION OF things FOR VALUES FROM (0) TO (10)",
            "CREATE TABLE public.part_b (gone int, n int, note text, id int NOT NULL)",
            "ALTER TABLE part_b DROP gone",
            "ALTER TABLE things ATTACH PARTITION part_b FOR VALUES FROM (10) TO (20)",
            "CREATE TABLE public.part_c PARTITION OF things FOR VALUES FROM (20) TO (40) PARTITION BY RANGE (id)",
            "CREATE TABLE public.part_d PARTITION OF part_c FOR VALUES FROM (20) TO (30)",
            "INSERT INTO things VALUES (1, 'a', 1), (11, 'b', 2), (21, 'd', 3)",
        )
        sql = sql_for(session, "public.things")
        relations = read_relations(session, "public.things")
        assert {relation.name for relation in relations} == {"public.part_a", "public.part_b", "public.part_d"}
        parts: dict[str, Any] = {}
        for chunk in plan_chunks(relations, None):
            parts |= copied(session, sql, chunk.blocks)
        assert parts == by_keys(session, sql, [("1",), ("11",), ("21",)])
        assert {i: s for i, (_, s) in parts.items()} == {i: s for i, (_, s) in compared(session, sql).items()}


class TestSettings:
    def test_the_servers_defaults_change_nothing(
        self, things: Database, session: Session, project_folder: ProjectFolder
    ) -> None:
        before = compared(session, sql_for(session, "public.things"))
        for setting in (
            "timezone = 'Asia/Kolkata'", "datestyle = 'SQL, DMY'", "intervalstyle = 'sql_standard'",
            "extra_float_digits = -3", "bytea_output = 'escape'", "xmlbinary = 'hex'", "search_path = ''",
            "default_transaction_isolation = 'serializable'",
            "client_encoding = 'LATIN1'", "plan_cache_mode = 'force_generic_plan'", "standard_conforming_strings = off",
            "quote_all_identifiers = on", "default_transaction_read_only = on",
        ):  # fmt: skip
            things.execute_as_superuser(f"ALTER DATABASE {things.name} SET {setting}")
        with project_folder.clients().session(project_folder.source_model()) as other:
            sql = sql_for(other, "public.things")
            assert compared(other, sql) == before
            assert {i: s for i, (_, s) in copied(other, sql).items()} == {i: s for i, (_, s) in before.items()}
            read = by_keys(other, sql, [(str(n),) for n in range(1, 7)])
            assert {i: s for i, (_, s) in read.items()} == {i: s for i, (_, s) in before.items()}


class TestRoots:
    def test_old_and_new_rows_lead_to_roots(self, database: Database, session: Session) -> None:
        database.execute(
            "CREATE TABLE public.orders (id bigint PRIMARY KEY, customer_id bigint)",
            "CREATE TABLE public.customers (id bigint PRIMARY KEY)",
            "INSERT INTO orders VALUES (1, 10), (2, 10), (3, 11), (4, NULL)",
        )
        pipeline = Pipeline(
            name="x",
            source="x",
            table="public.orders",
            mapping={},
            related=[
                {
                    "table": "public.customers",
                    "roots_sql": "SELECT o.id FROM public.orders o JOIN changed ON o.customer_id = changed.id;",
                }
            ],
        )
        root = read_table(session, "public.orders")
        statement = route_sql(pipeline.related[0], read_table(session, "public.customers"), root, key_of(root, None))
        assert statement
        assert sorted(session.execute(statement, [["10", "10", None, "99"]]).fetchall()) == [("1",), ("2",)]
        assert session.execute(statement, [[]]).fetchall() == []
