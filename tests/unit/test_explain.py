"""What is read out of plans and SQL texts."""

from typing import Any

import pytest

from pg2es.core.preflight import (
    WholeScan,
    called_functions,
    clock_readings,
    relations_of,
    unordered_aggregates,
    whole_scans,
)


def node(kind: str, relation: str = "", alias: str = "", **more: Any) -> dict[str, Any]:
    named = {"Schema": "public", "Relation Name": relation, "Alias": alias or relation} if relation else {}
    return {"Node Type": kind, **named, **{name.replace("_", " "): value for name, value in more.items()}}


class TestPlans:
    def test_relations_of_all_depths(self) -> None:
        plan = node(
            "Nested Loop",
            Plans=[node("CTE Scan"), node("Hash", Plans=[node("Seq Scan", "a"), node("Index Scan", "b")])],
        )
        assert relations_of(plan) == {"public.a", "public.b"}

    def test_an_index_condition_is_no_whole_scan(self) -> None:
        assert whole_scans(node("Index Scan", "a", Index_Cond="(a.id = 1)", Filter="(a.x = 1)")) == []
        assert whole_scans(node("Bitmap Heap Scan", "a", Plans=[node("Bitmap Index Scan")])) == []

    @pytest.mark.parametrize(
        ("condition", "columns", "cast"),
        [
            ("(i.order_id = orders.id)", ("order_id",), ()),
            ("(orders.id = i.order_id)", ("order_id",), ()),
            ("((i.a = o.a) AND (o.b = i.b))", ("a", "b"), ()),
            ('(i."Order Id" = orders.id)', ("Order Id",), ()),
            ('(i."a""b" = orders.id)', ('a"b',), ()),
            ("((i.code)::text = (root.code)::text)", (), ("code",)),
            ("(i.order_id = ANY ('{1}'::bigint[]))", ("order_id",), ()),
            ("(lower(i.name) = 'x'::text)", (), ()),
            ("(i.a > 5)", (), ()),
            ("(xi.a = 5)", (), ()),
        ],
    )
    def test_the_columns_that_an_index_needs(
        self, condition: str, columns: tuple[str, ...], cast: tuple[str, ...]
    ) -> None:
        for plan in (
            node("Seq Scan", "items", "i", Filter=condition),
            node("Nested Loop", Join_Filter=condition, Plans=[node("Seq Scan", "items", "i")]),
        ):
            assert whole_scans(plan) == [WholeScan("public.items", by_index=False, columns=columns, cast_columns=cast)]

    def test_reading_in_the_order_of_an_index_is_a_whole_scan_when_it_filters(self) -> None:
        assert whole_scans(node("Index Only Scan", "a")) == []
        assert whole_scans(node("Index Scan", "a", Filter="(a.b = 1)")) == [WholeScan("public.a", True, ("b",), ())]


class TestTexts:
    @pytest.mark.parametrize(
        ("statement", "expected"),
        [
            ('SELECT now(), Public.F (1), "Odd ""F"""(2)', ['Odd "F"', "now", "public.f"]),
            ("SELECT 'random()' -- random()\n, /* random() */ $$random()$$, $x$ random() $x$, E'\\'random()'", []),
            ("SELECT a IN (1)", ["in"]),
            ("SELECT 1", []),
        ],
    )
    def test_called_functions(self, statement: str, expected: list[str]) -> None:
        assert called_functions(statement) == expected

    @pytest.mark.parametrize(
        ("statement", "expected"),
        [
            ("SELECT json_agg(x ORDER BY x), array_agg(x)", ["array_agg"]),
            ("SELECT JSON_AGG((SELECT y FROM z ORDER BY y))", ["json_agg"]),
            ("SELECT pg_catalog.string_agg(x, ')' order\n by x)", []),
            ("SELECT sum(x), count(*)", []),
        ],
    )
    def test_unordered_aggregates(self, statement: str, expected: list[str]) -> None:
        assert unordered_aggregates(statement) == expected

    @pytest.mark.parametrize(
        ("statement", "expected"),
        [
            ("SELECT Now(), CURRENT_DATE", ["current_date", "now"]),
            ("SELECT 'now()', root.current_dates, statement_timestamp ( )", ["statement_timestamp"]),
        ],
    )
    def test_clock_readings(self, statement: str, expected: list[str]) -> None:
        assert clock_readings(statement) == expected
