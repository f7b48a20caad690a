"""Positions as Kafka Connect has them, and how configurations differ."""

import pytest

from pg2es.core.errors import GenerationError
from pg2es.core.generations import parse_seconds
from pg2es.core.stream import describe_changes, source_position, source_start


def test_the_position_of_a_source_is_the_highest_of_its_lsns() -> None:
    entry = {"partition": {"server": "shop"}, "offset": {"lsn": 5, "lsn_proc": 7, "lsn_commit": 6, "txId": 99}}
    assert source_position([entry]) == 7
    assert source_position([]) is None
    assert source_position([{"partition": {"server": "shop"}, "offset": {"ts_usec": 5}}]) is None
    assert source_position(source_start("shop", 12)) == 12


def test_a_diff_hides_secrets_and_cuts_long_values() -> None:
    current = {"name": "a", "tasks.max": "1", "database.password": "old", "gone": "x", "sql": "a" * 200}
    wanted = {"tasks.max": "2", "database.password": "new", "topics": "t", "sql": "b" * 200}
    assert describe_changes(current, wanted) == [
        "database.password: *** → ***",
        "gone: x → (not set)",
        f"sql: {'a' * 100}… → {'b' * 100}…",
        "tasks.max: 1 → 2",
        "topics: (not set) → t",
    ]
    assert describe_changes({**wanted, "name": "a"}, wanted) == []


@pytest.mark.parametrize(
    ("text", "seconds"), [("1h", 3600), ("60s", 60), ("500ms", 0.5), ("2d", 172_800), ("-1", -0.001)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_seconds(text) == seconds


def test_no_duration() -> None:
    with pytest.raises(GenerationError, match="soon is no duration"):
        parse_seconds("soon")
