"""Small pure parts: quoting, chunks, digests, generations, keys, offsets."""

import itertools
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg2es import __version__
from pg2es.core.backfill import BlockRange, Chunk, Relation, plan_chunks
from pg2es.core.backfill.chunks import MAX_CHUNKS
from pg2es.core.config import Related
from pg2es.core.drift import Drift, classify, is_intact
from pg2es.core.drift.digest import digest
from pg2es.core.errors import CatalogError, FormatMismatch, GenerationError
from pg2es.core.generations import (
    Meta,
    Recipe,
    generation,
    generation_name,
    generation_number,
    index_body,
    is_scratch_of,
    is_sink_of,
    scratch_name,
    sink_connector,
)
from pg2es.core.generations.generation import FORMAT
from pg2es.core.preflight import count_errors, error, info, warning
from pg2es.core.sql import quote_table
from pg2es.core.sql.identifiers import literal, quote, quote_columns
from pg2es.core.stream import sink_start
from pg2es.core.stream.connectors import masked
from pg2es.core.table import Column, ReplicaIdentity, Table, key_of

RECIPE = Recipe(
    table="public.orders", key=("id",), document="SELECT id FROM root", columns=(("id", "int8"),), mapping={}
)
META = Meta(pipeline="orders", source="shop", recipe=RECIPE, epoch=0, system_identifier="7", timeline=1)

relations = st.lists(
    st.builds(Relation, st.uuids().map(str), blocks=st.integers(0, 100_000), filenode=st.integers(1, 2**32)),
    min_size=1,
    max_size=8,
    unique_by=lambda relation: relation.name,
)


class TestChunks:
    @given(relations, st.none() | st.integers(1, MAX_CHUNKS))
    def test_they_cover_every_block_exactly_once(self, found: list[Relation], count: int | None) -> None:
        chunks = plan_chunks(found, count)
        for relation in found:
            own = [chunk.blocks for chunk in chunks if chunk.blocks.relation == relation.name]
            assert own[0].first == 0
            assert own[-1].end is None
            for before, after in itertools.pairwise(own):
                assert before.end == after.first
                assert before.first < after.first
            assert own[-1].first < max(relation.blocks, 1)

    @given(relations, st.none() | st.integers(1, MAX_CHUNKS))
    def test_they_are_numbered_and_about_as_many_as_asked(self, found: list[Relation], count: int | None) -> None:
        chunks = plan_chunks(found, count)
        assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
        assert len(chunks) <= (count or MAX_CHUNKS) + len(found)

    @given(relations)
    def test_they_go_through_json(self, found: list[Relation]) -> None:
        for chunk in plan_chunks(found, None):
            assert Chunk.from_json(json.loads(json.dumps(chunk.to_json()))) == chunk

    def test_the_default_is_one_for_128_mib(self) -> None:
        chunks = plan_chunks([Relation("a.b", 40_000, 1)], None)
        assert [(c.blocks.first, c.blocks.end) for c in chunks] == [(0, 13334), (13334, 26668), (26668, None)]

    def test_an_empty_table_has_one(self) -> None:
        assert plan_chunks([Relation("a.b", 0, 5)], 8) == [Chunk(0, BlockRange("a.b", 0, None), 5)]


class TestDigest:
    @given(st.binary(min_size=1))
    def test_halves_are_31_bits(self, document: bytes) -> None:
        assert all(0 <= half < 2**31 for half in digest(document))

    @given(
        st.dictionaries(st.text(), st.integers() | st.text() | st.none() | st.lists(st.text())), st.integers(0, 65535)
    )
    def test_a_document_is_intact_until_a_byte_changes(self, content: dict[str, Any], bucket: int) -> None:
        document = json.dumps(content, ensure_ascii=False).encode()
        d0, d1 = digest(document)
        mark = f'{{"_pg2es":{{"d0":{d0},"d1":{d1},"bucket":{bucket}}}'.encode()
        stored = mark + (b"}" if content == {} else b"," + document[1:])
        assert is_intact(stored)
        assert not is_intact(stored + b" ")
        assert not is_intact(document)

    def test_other_documents_are_never_intact(self) -> None:
        for stored in (b"", b"{}", b"null", b'{"_pg2es":1}', b'{"_pg2es":{"d0":1,"d1":2,"bucket":3}'):
            assert not is_intact(stored)


class TestDrift:
    def test_kinds(self) -> None:
        d0, d1 = digest(b'{"a":1}')
        ours = f'{{"_pg2es":{{"d0":{d0},"d1":{d1},"bucket":3}},"a":1}}'.encode()
        assert classify(ours, ours) is None
        assert classify(None, None) is None
        assert classify(ours, None) is Drift.MISSING
        assert classify(None, ours) is Drift.EXTRA
        assert classify(b"newer", ours) is Drift.STALE
        assert classify(ours, ours.replace(b'"a":1', b'"a":2')) is Drift.ALTERED
        assert classify(None, b'{"a":2}') is Drift.ALTERED


class TestGeneration:
    def test_names(self) -> None:
        assert generation_name("orders", 2) == "orders-000002"
        assert generation_number("orders", "orders-000002") == 2
        assert generation_number("a.b", "axb-000002") is None
        for index in ("orders-2", "orders-0000022", "orders-eu-000001", "orders-preflight-000001", "orders"):
            assert generation_number("orders", index) is None
        assert sink_connector("orders-000002") == "pg2es-sink-orders-000002"

    @pytest.mark.parametrize("fence", [None, "12345"])
    def test_meta_goes_through_the_mapping(self, fence: str | None) -> None:
        # What is null in a mapping file stays so, or the files would differ from the index for ever.
        mapped = {"settings": {"refresh_interval": None}, "mappings": {"properties": {"a": {"null_value": None}}}}
        kept = META.with_(
            recipe=RECIPE.model_copy(update={"mapping": mapped}),
            replaced_at=datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC),
            keep_until=datetime(2025, 1, 3, 3, 4, 5, tzinfo=UTC),
            version=__version__,
        )
        assert Meta.from_mapping("orders-000001", json.loads(json.dumps(kept.to_mapping()))) == kept
        meta = META.with_(fence=fence, version=__version__)
        mapping = json.loads(json.dumps(meta.to_mapping()))
        assert ("fence" in mapping["pg2es"]) is (fence is not None)
        assert Meta.from_mapping("orders-000001", mapping) == meta
        assert meta.with_(fence=None, version=None) == META

    @pytest.mark.parametrize(
        ("mapping", "sentence"),
        [
            (None, "was not made by pg2es"),
            ({"pg2es": 1}, "was not made by pg2es"),
            ({"pg2es": {"format": 0}}, "has pg2es format 0, this version writes 1: reindex"),
            ({"pg2es": {"format": 1, "version": 5}}, "is damaged"),
            ({"pg2es": {"format": 99}}, "by a newer pg2es, of another format, than this, "),
            ({"pg2es": {"format": 1, "version": "99.1", "unheard": "of"}}, "by a newer pg2es, 99.1, than this, "),
        ],
    )
    def test_an_index_that_is_none_of_ours(self, mapping: dict[str, Any] | None, sentence: str) -> None:
        with pytest.raises(GenerationError, match=sentence):
            Meta.from_mapping("orders-000001", mapping)

    def test_an_index_of_another_format_has_an_error_of_its_own(self) -> None:
        with pytest.raises(FormatMismatch):
            Meta.from_mapping("orders-000001", {"pg2es": {"format": FORMAT - 1, "unheard": "of"}})

    @pytest.mark.parametrize(
        "changes",
        [
            {"document": "SELECT id + 1 AS id FROM root"},
            {"mapping": {"mappings": {"dynamic": False}}},
            {"mapping": {"settings": {"analysis": {}}}},
            {"key": ("id", "region")},
            {"table": "public.other"},
            {"columns": (("id", "int4"),)},
            {"columns": (("id", "int8"), ("note", "text"))},
            {"related": (Related(table="public.items", root_key=("order_id",)),)},
        ],
    )
    def test_what_changes_a_fingerprint(self, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        assert RECIPE.fingerprint != RECIPE.model_copy(update=changes).fingerprint
        before = RECIPE.fingerprint
        monkeypatch.setattr(generation, "FORMAT", FORMAT + 1)
        assert before != RECIPE.fingerprint

    def test_what_does_not(self) -> None:
        mapping = {"settings": {"a": 1, "b": 2}, "mappings": {"dynamic": False}}
        turned = {"mappings": {"dynamic": False}, "settings": {"b": 2, "a": 1}}
        one, other = (RECIPE.model_copy(update={"mapping": found}) for found in (mapping, turned))
        assert one.fingerprint == other.fingerprint
        assert Recipe.model_validate(json.loads(one.model_dump_json())).fingerprint == one.fingerprint

    def test_the_body_of_an_index(self) -> None:
        mapping = {
            "settings": {"number_of_shards": 3, "index": {"refresh_interval": "5s"}, "index.gc_deletes": "2h"},
            "mappings": {"dynamic": False, "properties": {"id": {"type": "long"}}},
        }
        meta = META.with_(recipe=RECIPE.model_copy(update={"mapping": mapping}))
        body = index_body(meta)
        assert body["settings"] == {
            "index.default_pipeline": "_none",
            "index.final_pipeline": "_none",
            "index.gc_deletes": "2h",
            "index.number_of_shards": 3,
            "index.refresh_interval": "5s",
        }
        assert set(body["mappings"]["properties"]) == {"_pg2es", "id"}
        assert body["mappings"]["_meta"] == meta.to_mapping()
        assert index_body(META)["settings"]["index.gc_deletes"] == "1h"

    def test_names_of_what_only_tries_something_out(self) -> None:
        name = scratch_name("orders", "0123456789ab")
        assert is_scratch_of("orders", name)
        assert not is_scratch_of("orders-eu", name)
        assert not is_scratch_of("orders", "orders-scratch-000001")
        assert generation_number("orders", name) is None

    def test_sinks_are_told_by_their_names(self) -> None:
        assert is_sink_of("orders", "pg2es-sink-orders-000002")
        for other in ("pg2es-sink-orders-eu-000002", "orders-000002", "pg2es-source-orders", "pg2es-sink-orders"):
            assert not is_sink_of("orders", other)


class TestIdentifiers:
    @given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
    def test_a_quoted_name_can_only_be_a_name(self, name: str) -> None:
        quoted = quote(name)
        assert quoted[0] == quoted[-1] == '"'
        assert quoted[1:-1].replace('""', "").count('"') == 0
        assert quoted[1:-1].replace('""', '"') == name

    @given(st.text(st.characters(exclude_characters="\0\\", exclude_categories=["Cs"])))
    def test_a_literal_can_only_be_a_value(self, value: str) -> None:
        quoted = literal(value)
        assert quoted[0] == quoted[-1] == "'"
        assert quoted[1:-1].replace("''", "'") == value

    def test_compound_names(self) -> None:
        assert quote_table("a.b.c") == '"a"."b.c"'
        assert quote_columns(("a", 'b"; --')) == '"a", "b""; --"'
        assert quote_columns(("a",), "r") == 'r."a"'
        assert literal(5) == "5"


class TestKeys:
    def table(self, **types: str) -> Table:
        found = tuple(Column(name, type_name, not_null=name != "maybe") for name, type_name in types.items())
        return Table("public.a", found, ("id",) if "id" in types else (), ReplicaIdentity.DEFAULT, ("id",))

    def test_the_primary_key_is_the_default(self) -> None:
        table = self.table(id="bigint", b="character varying(10)", c="numeric(5,2)")
        assert key_of(table, None).names == ("id",)
        assert key_of(table, ("c", "b")).names == ("c", "b")

    @pytest.mark.parametrize(
        ("types", "key", "sentence"),
        [
            ({"b": "integer"}, None, "has no primary key; add one, or name a unique NOT NULL key in the pipeline file"),
            ({"id": "integer"}, ("b",), "Table public.a has no column b; it has id."),
            ({"id": "integer", "maybe": "integer"}, ("maybe",), "Key column public.a.maybe may be NULL"),
            (
                {"id": "double precision"},
                None,
                "type double precision, which cannot be a key here; allowed: smallint",
            ),
            ({"id": "text[]"}, None, r"has type text\[\]"),
        ],
    )
    def test_what_is_no_key(self, types: dict[str, str], key: tuple[str, ...] | None, sentence: str) -> None:
        with pytest.raises(CatalogError, match=sentence):
            key_of(self.table(**types), key)

    def test_what_old_rows_have(self) -> None:
        table = self.table(id="integer", b="integer")
        assert table.old_row_has(("id",))
        assert not table.old_row_has(("id", "b"))
        full = Table(table.name, table.columns, table.primary_key, ReplicaIdentity.FULL, ())
        assert full.old_row_has(("id", "b"))


def test_errors_are_counted() -> None:
    assert count_errors([error("a", "b"), warning("a", "b"), info("a", "b"), error("a", "c")]) == 2


def test_a_logged_configuration_hides_what_is_secret() -> None:
    secrets = ["database.password", "elasticsearch.api.key", "sasl.x.private.key.passphrase", "basic.auth.user.info"]
    config = {**dict.fromkeys(secrets, "hunter2"), "index": "orders-000001"}
    assert json.loads(masked(config)) == {**dict.fromkeys(secrets, "***"), "index": "orders-000001"}


def test_offsets_are_written_as_connect_takes_them() -> None:
    assert sink_start({("b", 0): 5, ("a", 1): 2}) == [
        {"partition": {"kafka_topic": "a", "kafka_partition": 1}, "offset": {"kafka_offset": 2}},
        {"partition": {"kafka_topic": "b", "kafka_partition": 0}, "offset": {"kafka_offset": 5}},
    ]
