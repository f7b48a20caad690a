"""What a comparison says about documents, without any server."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pg2es.core.batches import in_batches
from pg2es.core.drift import Certificate, Comparison, DeepRead, Drift, Outcome, Reconciliation, find_field_differences
from pg2es.core.drift.comparison import SHOWN_CHARACTERS, SHOWN_FIELDS, FieldDifference
from pg2es.core.drift.reconciliation import format_lsn
from pg2es.core.redaction import REDACTED


def differ(stored: object, expected: object, *redact: str) -> tuple[FieldDifference, ...]:
    old, new = (None if side is None else json.dumps(side).encode() for side in (stored, expected))
    return find_field_differences(old, new, redact)


class TestFields:
    def test_only_those_that_differ_are_named(self) -> None:
        assert differ({"a": 1, "b": {"c": "x", "d": [1]}}, {"a": 1, "b": {"c": "y", "d": [1, 2]}, "e": None}) == (
            ("b.c", '"x"', '"y"'),
            ("b.d", "[1]", "[1, 2]"),
            ("e", None, "null"),
        )

    def test_a_document_that_is_not_there_has_no_fields(self) -> None:
        assert differ(None, {"a": 1}) == (("a", None, "1"),)
        assert differ({"a": {}}, None) == (("a", "{}", None),)
        assert differ({"a": {}}, {"a": {"b": 1}}) == (("a", "{}", None), ("a.b", None, "1"))
        assert differ(None, None) == ()

    def test_a_number_of_more_digits_than_python_counts_is_shown_like_any_long_value(self) -> None:
        stored, expected = (f'{{"n": {"1" * 5000}{last}}}'.encode() for last in "12")
        [found] = find_field_differences(stored, expected, ())
        assert (found.field, len(found.stored or "")) == ("n", SHOWN_CHARACTERS + 1)

    def test_the_mark_is_named_where_nothing_else_differs(self) -> None:
        assert differ({"_pg2es": {"d0": 1}, "a": 1}, {"_pg2es": {"d0": 2}, "a": 2}) == (("a", "1", "2"),)
        assert differ({"_pg2es": {"d0": 1}}, {"_pg2es": {"d0": 2}}) == (("_pg2es.d0", "1", "2"),)

    @pytest.mark.parametrize("redact", ["a.b", "a"])
    def test_redacted_values_are_left_out(self, redact: str) -> None:
        assert differ({"a": {"b": "secret"}}, {"a": {"b": {"c": "secret"}}}, redact) == (
            ("a.b", REDACTED, None),
            ("a.b.c", None, REDACTED),
        )

    def test_a_value_around_a_redacted_one_is_left_out_too(self) -> None:
        assert differ({"a": []}, {"a": [{"b": "secret"}]}, "a.b") == (("a", REDACTED, REDACTED),)
        assert differ({"ab": 1}, {"ab": 2}, "a") == (("ab", "1", "2"),)

    def test_long_values_and_many_fields_are_cut(self) -> None:
        [(_, _, expected)] = differ({}, {"a": "x" * 1000})
        assert expected == '"' + "x" * (SHOWN_CHARACTERS - 1) + "…"
        assert len(differ({}, {f"f{number}": number for number in range(100)})) == SHOWN_FIELDS


class TestReconciliation:
    def test_says_what_was_found_and_done(self) -> None:
        found = Comparison("orders", "orders-000001", equal=1_000, in_flight=2, unjudged=3)
        found.ids[Drift.STALE] = ["1", "2"]
        done = Reconciliation("orders", "orders-000001", 0x16_B374D848, 1_007, found)
        done.outcome, done.repaired, done.deep, done.ignored = Outcome.UNREPAIRED, 1, DeepRead(500, 2, 24), 4
        done.advice, done.seconds = "Run it again.", 1.26
        assert str(done) == (
            "unrepaired: orders (orders-000001): 1,000 equal, 0 missing, 2 stale, 0 extra, 0 altered, "
            "3 more that differ, 2 in flight; LSN 16/B374D848, 1.3 s. 1 repaired. 500 documents were read whole "
            "(part 3 of 24). 4 have fields that the index leaves out (_ignored). Run it again."
        )
        assert found.drifted == 5
        assert not found.clean
        assert done.counts["stale"] == 2
        json.dumps(done.to_json())

    def test_a_clean_one_is_short(self) -> None:
        done = Reconciliation("o", "o-000001", 1, 5, Comparison("o", "o-000001", equal=5))
        assert str(done) == (
            "equal: o (o-000001): 5 equal, 0 missing, 0 stale, 0 extra, 0 altered, 0 in flight; LSN 0/1, 0.0 s."
        )

    def test_which_outcomes_are_good(self) -> None:
        assert {outcome for outcome in Outcome if outcome.is_good} == {Outcome.EQUAL, Outcome.REPAIRED}

    def test_an_lsn_is_written_as_postgresql_does(self) -> None:
        assert format_lsn(0x16_B374D848) == "16/B374D848"


def test_batches() -> None:
    assert list(in_batches([1, 2, 3, 4, 5], 2)) == [[1, 2], [3, 4], [5]]
    assert list(in_batches([], 2)) == []


class TestCertificate:
    def test_what_is_in_an_id_stays_in_its_place(self) -> None:
        found = Comparison("notes", "notes-000001", equal=1)
        found.ids[Drift.MISSING] = ["plain", "a`b", "two\nlines", "a|b"]
        now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        page = Certificate("notes", now, now, 1 << 32, {"rows": "a|b"}, found, 0).to_markdown()
        [line] = [line for line in page.splitlines() if line.startswith("- missing")]
        assert line == "- missing: `plain`, `a\\u0060b`, `two\\nlines`, `a|b`"
        assert "| rows | a&#124;b |" in page
        assert "WAL position 1/0" in page

    @pytest.mark.parametrize(
        ("changes", "verdict"),
        [
            ({"equal": 2}, "Equal: each of 2 documents is, byte for byte, what its row says."),
            ({"equal": 2, "unjudged": 1}, "Not equal: 1 documents differ from their rows, 2 are equal."),
            ({"equal": 2, "in_flight": 1}, "Not proven: 1 documents kept changing, 2 are equal. Run it again."),
            (
                {"equal": 2, "unreadable": {"7": "no number"}},
                "Not proven. PostgreSQL cannot make the documents of",
            ),
        ],
    )
    def test_the_verdict(self, changes: dict[str, Any], verdict: str) -> None:
        now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        found = Comparison("notes", "notes-000001", **changes)
        assert Certificate("notes", now, now, 0, {}, found, 0).verdict.startswith(verdict)
