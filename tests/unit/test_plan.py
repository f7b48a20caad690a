"""Plans: what differs between two recipes, and the requests that would bring it to an index."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg2es.core.config import Related
from pg2es.core.generations import Difference, IndexChange, Plan, Recipe, Verdict, compare_recipes, index_changes
from pg2es.core.generations.generation import GC_DELETES

COLUMNS = (("id", "int8"), ("note", "text"), ("price", "numeric(10,2)"))
LIVE = Recipe(table="public.orders", key=("id",), document="SELECT * FROM root", columns=COLUMNS, mapping={})
ITEMS = Related(table="public.items", root_key=("order_id",))
KEYWORD, TEXT = {"type": "keyword"}, {"type": "text"}


def compare(**changes: Any) -> list[Difference]:
    """Return how LIVE differs from a recipe with these changes."""
    return list(compare_recipes(LIVE, LIVE.model_copy(update=changes)))


def compare_columns(*columns: tuple[str, str]) -> list[tuple[str, str | None, str | None, Verdict]]:
    """Return the differences of the columns."""
    return [(d.path, d.before, d.after, d.verdict) for d in compare(columns=columns)]


def recipe(mapping: dict[str, Any]) -> Recipe:
    return LIVE.model_copy(update={"mapping": mapping})


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[IndexChange]:
    """Return the changes between two mapping files."""
    return list(index_changes(recipe(before), recipe(after)))


def field_changes(before: dict[str, Any], after: dict[str, Any]) -> list[IndexChange]:
    """Return the changes between the fields of two mappings."""
    return changes({"mappings": {"properties": before}}, {"mappings": {"properties": after}})


class TestRecipes:
    def test_equal_ones_have_no_difference(self) -> None:
        assert compare() == []

    def test_another_table_or_key_needs_a_new_generation(self) -> None:
        table, key = compare(table="public.others", key=("region", "id"))
        assert (table.path, table.before, table.after) == ("table", "public.orders", "public.others")
        assert (key.path, key.before, key.after) == ("key", "id", "region, id")
        assert {table.verdict, key.verdict} == {Verdict.REINDEX}

    def test_the_order_of_the_key_counts(self) -> None:
        live = LIVE.model_copy(update={"key": ("a", "b")})
        [found] = compare_recipes(live, live.model_copy(update={"key": ("b", "a")}))
        assert (found.path, found.verdict) == ("key", Verdict.REINDEX)

    def test_a_column_more(self) -> None:
        assert compare_columns(*COLUMNS, ("at", "date")) == [("column at", None, "date", Verdict.IN_PLACE)]

    def test_a_column_less(self) -> None:
        assert compare_columns(*COLUMNS[:2]) == [("column price", "numeric(10,2)", None, Verdict.IN_PLACE)]

    def test_a_renamed_column_is_one_less_and_one_more(self) -> None:
        assert compare_columns(COLUMNS[0], ("text", "text"), COLUMNS[2]) == [
            ("column note", "text", None, Verdict.IN_PLACE),
            ("column text", None, "text", Verdict.IN_PLACE),
        ]

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("int4", "int8"),
            ("text", "text[]"),
            ("numeric(10,2)[]", "numeric(10,2)"),
            ("timestamp(3)", "timestamptz(3)"),
        ],
    )
    def test_another_type_needs_a_new_generation(self, before: str, after: str) -> None:
        live = LIVE.model_copy(update={"columns": (("id", "int8"), ("a", before))})
        [found] = compare_recipes(live, live.model_copy(update={"columns": (("id", "int8"), ("a", after))}))
        assert (found.path, found.before, found.after) == ("column a", before, after)
        assert found.verdict is Verdict.REINDEX

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("numeric(10,2)", "numeric(12,4)"),
            ("numeric(10,2)", "numeric"),
            ("varchar", "varchar(9)"),
            ("timestamptz", "timestamptz(3)"),
            ("numeric[]", "numeric(10,2)[]"),
        ],
    )
    def test_another_modifier_does_not(self, before: str, after: str) -> None:
        live = LIVE.model_copy(update={"columns": (("id", "int8"), ("a", before))})
        [found] = compare_recipes(live, live.model_copy(update={"columns": (("id", "int8"), ("a", after))}))
        assert (found.before, found.after, found.verdict, found.rereads) == (before, after, Verdict.IN_PLACE, True)

    def test_columns_in_another_order_are_read_again(self) -> None:
        # The SQL may be the same: `root.*` after a column was dropped and added again.
        for document in (LIVE.document, "SELECT id, price, note FROM root"):
            [found] = compare(columns=(COLUMNS[0], COLUMNS[2], COLUMNS[1]), document=document)
            assert (found.path, found.verdict, found.rereads) == ("document SQL", Verdict.IN_PLACE, True)

    def test_other_sql_for_the_same_columns_is_read_again(self) -> None:
        [found] = compare(document="SELECT id, upper(note) AS note, price FROM root")
        assert (found.path, found.verdict, found.rereads) == ("document SQL", Verdict.IN_PLACE, True)

    def test_other_related_tables(self) -> None:
        [more] = compare(related=(ITEMS,))
        assert (more.path, more.before, more.after, more.verdict) == (
            "related", None, "public.items", Verdict.IN_PLACE,
        )  # fmt: skip
        live = LIVE.model_copy(update={"related": (ITEMS,)})
        other = Related(table="public.items", roots_sql="SELECT order_id FROM changed", columns=("order_id",))
        for related in ((), (other,)):
            [found] = compare_recipes(live, live.model_copy(update={"related": related}))
            assert (found.path, found.verdict) == ("related", Verdict.IN_PLACE)

    @given(st.data())
    def test_whatever_differs_is_said(self, data: st.DataObject) -> None:
        columns = st.lists(
            st.tuples(st.sampled_from("abc"), st.sampled_from(["int4", "int8", "numeric", "numeric(5,1)"])),
            unique_by=lambda column: column[0],
        )
        fields = st.dictionaries(
            st.sampled_from("abc"),
            st.recursive(
                st.fixed_dictionaries(
                    {"type": st.sampled_from(["text", "long"])},
                    optional={"fields": st.dictionaries(st.sampled_from("xy"), st.just({"type": "keyword"}))},
                ),
                lambda children: st.fixed_dictionaries(
                    {"properties": st.dictionaries(st.sampled_from("abc"), children)},
                    optional={"type": st.sampled_from(["object", "nested"]), "dynamic": st.booleans()},
                ),
                max_leaves=4,
            ),
        )
        recipes = st.builds(
            lambda found, properties: LIVE.model_copy(
                update={"columns": tuple(found), "mapping": {"mappings": {"properties": properties}}}
            ),
            columns,
            fields,
        )
        live, wanted = data.draw(recipes), data.draw(recipes)
        paths = [difference.path for difference in compare_recipes(live, wanted)]
        paths += [change.path for change in index_changes(live, wanted)]
        assert bool(paths) is (_normal(live) != _normal(wanted))
        assert len(set(paths)) == len(paths)


def _normal(found: Recipe) -> Any:
    """Return columns and fields with the defaults that a mapping file may leave out."""

    def field(definition: dict[str, Any]) -> dict[str, Any]:
        if "properties" not in definition:
            return {"fields": {}} | definition
        return {"type": "object"} | definition | {"properties": fields(definition["properties"])}

    def fields(definitions: dict[str, Any]) -> dict[str, Any]:
        return {name: field(definition) for name, definition in definitions.items()}

    return found.columns, fields(found.mapping["mappings"]["properties"])


class TestSettings:
    def test_however_they_are_written_they_are_the_same(self) -> None:
        ways: list[dict[str, Any]] = [
            {"index": {"refresh_interval": "5s", "search": {"slowlog.level": "info"}}},
            {"index.refresh_interval": "5s", "index.search.slowlog.level": "info"},
            {"refresh_interval": "5s", "search": {"slowlog": {"level": "info"}}},
            {"index": {"refresh_interval": "5s"}, "search.slowlog": {"level": "info"}},
        ]
        for one, other in itertools.combinations(ways, 2):
            assert changes({"settings": one}, {"settings": other}) == []

    def test_each_is_a_change_of_its_own(self) -> None:
        before = {"number_of_replicas": 0, "analysis": {"filter": {"a": {"type": "stop"}}}, "codec": "default"}
        after = {"number_of_replicas": 1, "analysis": {"filter": {"a": {"type": "stop", "stopwords": ["x"]}}}}
        assert changes({"settings": before}, {"settings": after}) == [
            IndexChange(
                "setting index.analysis.filter.a.stopwords", None, '["x"]',
                settings={"index.analysis.filter.a.stopwords": ["x"]},
            ),
            IndexChange("setting index.codec", '"default"', None, settings={"index.codec": None}),
            IndexChange("setting index.number_of_replicas", "0", "1", settings={"index.number_of_replicas": 1}),
        ]  # fmt: skip

    def test_gc_deletes_goes_back_to_what_the_protocol_needs(self) -> None:
        [found] = changes({"settings": {"gc_deletes": "2h"}}, {})
        assert found.settings == {"index.gc_deletes": GC_DELETES}


class TestMappings:
    def test_root_parameters(self) -> None:
        before = {"dynamic": "strict", "date_detection": False, "_routing": {"required": True}}
        after = {"dynamic": False, "numeric_detection": True, "_routing": {"required": True}}
        assert changes({"mappings": before}, {"mappings": after}) == [
            # A put leaves alone what it does not name.
            IndexChange("mapping date_detection", "false", None),
            IndexChange("mapping dynamic", '"strict"', "false", mapping={"dynamic": False}),
            IndexChange("mapping numeric_detection", None, "true", mapping={"numeric_detection": True}),
        ]

    def test_fields_come_change_and_go(self) -> None:
        found = field_changes({"gone": KEYWORD, "same": TEXT, "a": TEXT}, {"a": KEYWORD, "same": TEXT, "new": KEYWORD})
        assert found == [
            IndexChange("field gone", '{"type": "keyword"}', None),
            IndexChange("field a", '{"type": "text"}', '{"type": "keyword"}', mapping={"properties": {"a": KEYWORD}}),
            IndexChange("field new", None, '{"type": "keyword"}', mapping={"properties": {"new": KEYWORD}}),
        ]
        assert [change.possible for change in found] == [False, True, True]

    def test_only_the_parameters_that_differ_are_shown(self) -> None:
        before = {"type": "text", "analyzer": "english", "boost": 2}
        after = {"type": "text", "analyzer": "english", "search_analyzer": "simple"}
        [found] = field_changes({"a": before}, {"a": after})
        assert (found.before, found.after) == ('{"boost": 2}', '{"search_analyzer": "simple"}')
        assert found.mapping == {"properties": {"a": after}}

    def test_a_field_within_objects_is_put_with_the_objects_around_it(self) -> None:
        before = {
            "a": {"type": "nested", "dynamic": False, "properties": {"b": {"properties": {"c": TEXT, "d": TEXT}}}}
        }
        after = {"a": {"type": "nested", "dynamic": False, "properties": {"b": {"properties": {"c": KEYWORD}}}}}
        changed, gone = field_changes(before, after)
        assert (changed.path, gone.path) == ("field a.b.c", "field a.b.d")
        assert changed.mapping == {
            "properties": {
                "a": {
                    "type": "nested",
                    "dynamic": False,
                    "properties": {"b": {"type": "object", "properties": {"c": KEYWORD}}},
                }
            }
        }
        assert not gone.possible

    def test_parameters_of_an_object_are_changed_without_its_fields(self) -> None:
        before = {"a": {"dynamic": False, "properties": {"b": TEXT, "c": TEXT}}}
        after = {"a": {"dynamic": "strict", "properties": {"b": TEXT}}}
        parameters, gone = field_changes(before, after)
        assert (parameters.path, parameters.before, parameters.after) == (
            "field a", '{"dynamic": false}', '{"dynamic": "strict"}',
        )  # fmt: skip
        assert parameters.mapping == {"properties": {"a": {"type": "object", "dynamic": "strict"}}}
        assert (gone.path, gone.possible) == ("field a.c", False)

    def test_a_parameter_that_an_object_no_longer_has_stays_in_an_index(self) -> None:
        [found] = field_changes({"a": {"dynamic": False, "properties": {}}}, {"a": {"properties": {}}})
        assert (found.path, found.before, found.possible) == ("field a", '{"dynamic": false}', False)

    def test_an_object_may_leave_out_its_type_and_its_fields(self) -> None:
        assert field_changes({"a": {"properties": {}}}, {"a": {"type": "object"}}) == []
        [found] = field_changes({"a": {"type": "object"}}, {"a": {"properties": {"b": TEXT}}})
        assert (found.path, found.possible) == ("field a.b", True)
        [gone] = field_changes({"a": {"properties": {"b": TEXT}}}, {"a": {"type": "object"}})
        assert (gone.path, gone.possible) == ("field a.b", False)

    def test_an_object_becomes_a_field(self) -> None:
        [found] = field_changes({"a": {"properties": {"b": TEXT}}}, {"a": KEYWORD})
        assert (found.path, found.mapping) == ("field a", {"properties": {"a": KEYWORD}})

    def test_multi_fields(self) -> None:
        def text(**fields: Any) -> dict[str, Any]:
            return {"a": {"type": "text", "fields": fields}}

        [more] = field_changes({"a": TEXT}, text(raw=KEYWORD))
        assert (more.path, more.before, more.mapping) == (
            "field a",
            '{"fields": {}}',
            {"properties": text(raw=KEYWORD)},
        )
        [gone] = field_changes(text(raw=KEYWORD), {"a": TEXT})
        assert (gone.path, gone.before, gone.possible) == ("field a.raw", '{"type": "keyword"}', False)
        gone, more = field_changes(text(raw=KEYWORD), text(exact=KEYWORD))
        assert (gone.path, gone.possible, more.path, more.possible) == ("field a.raw", False, "field a", True)
        [other] = field_changes(text(raw=KEYWORD), text(raw=TEXT))
        assert other.mapping == {"properties": text(raw=TEXT)}


class TestPlans:
    def plan(self, *verdicts: Verdict, rereads: bool = True) -> Plan:
        differences = tuple(Difference(v.name, None, None, v, "because", rereads) for v in verdicts)
        return Plan("orders", "orders-000001", LIVE, differences)

    def test_the_worst_verdict_counts(self) -> None:
        assert self.plan().verdict is Verdict.NOTHING
        ordered = (Verdict.NOTHING, Verdict.IN_PLACE, Verdict.UNTRIED, Verdict.REINDEX, Verdict.BROKEN)
        assert set(ordered) == set(Verdict)
        for better, worse in itertools.combinations_with_replacement(ordered, 2):
            assert self.plan(better, worse).verdict is worse
            assert self.plan(worse, better).verdict is worse

    def test_documents_are_read_again_when_one_difference_says_so(self) -> None:
        assert not self.plan().rereads
        assert not self.plan(Verdict.IN_PLACE, rereads=False).rereads
        assert self.plan(Verdict.IN_PLACE).rereads

    def test_it_reads_as_a_text(self) -> None:
        differences = (
            Difference("field a", None, '{"type": "text"}', Verdict.IN_PLACE, "Elasticsearch takes it"),
            Difference("document SQL", None, None, Verdict.IN_PLACE, "it reads other values"),
        )
        assert str(Plan("orders", None, LIVE, differences)) == (
            "orders (no index): in place\n"
            '  field a: (none) → {"type": "text"} [in place] Elasticsearch takes it\n'
            "  document SQL: [in place] it reads other values"
        )
