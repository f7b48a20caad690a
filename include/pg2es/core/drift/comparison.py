"""Drift: how a document can differ from what PostgreSQL says."""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Any, NamedTuple

from pg2es.core.drift.checksum import Checksums
from pg2es.core.drift.digest import is_intact
from pg2es.core.redaction import REDACTED, is_redacted

NAMED = 3
SAMPLE = 100
"""Documents of each kind that are named one by one."""

MARK_PREFIX = "_pg2es"
SHOWN_FIELDS = 20
SHOWN_CHARACTERS = 200


class Drift(StrEnum):
    """Kinds of drift."""

    MISSING = "missing"  # PostgreSQL has a document, Elasticsearch has none
    STALE = "stale"  # an older state of the row, as pg2es wrote it
    EXTRA = "extra"  # Elasticsearch has a document, PostgreSQL has none
    ALTERED = "altered"  # somebody else changed the stored document


def classify(expected: bytes | None, stored: bytes | None) -> Drift | None:
    """Return how the stored document differs from the expected one, None when it does not."""
    if expected == stored:
        return None
    if stored is None:
        return Drift.MISSING
    if not is_intact(stored):
        return Drift.ALTERED
    return Drift.EXTRA if expected is None else Drift.STALE


class FieldDifference(NamedTuple):
    """A field whose values differ. Values are JSON, cut after SHOWN_CHARACTERS; None: the field is not there."""

    field: str
    stored: str | None
    expected: str | None


@dataclass
class Comparison:
    """What a comparison found: ids by kind of drift, with the differing fields of the first SAMPLE of each kind.

    `unjudged` documents differ, but were too many to look into. `in_flight` ones kept changing; `hot` names some.
    `rewound` ones are among the drift: their version is above what this database can have given. Of `unreadable`
    rows, by id, PostgreSQL cannot make the document, for the reason that is said: nothing is known of them.
    `checksums`: of both sides, where they were wanted.
    """

    pipeline: str
    index: str
    equal: int = 0
    ids: dict[Drift, list[str]] = field(default_factory=lambda: {kind: [] for kind in Drift})
    fields: dict[str, tuple[FieldDifference, ...]] = field(default_factory=dict)
    unjudged: int = 0
    in_flight: int = 0
    hot: list[str] = field(default_factory=list)
    rewound: int = 0
    unreadable: dict[str, str] = field(default_factory=dict)
    checksums: Checksums | None = None

    @property
    def counts(self) -> dict[Drift, int]:
        """How many documents differ, by kind."""
        return {kind: len(ids) for kind, ids in self.ids.items()}

    @property
    def samples(self) -> dict[Drift, list[str]]:
        """The first ids of each kind."""
        return {kind: ids[:SAMPLE] for kind, ids in self.ids.items()}

    @property
    def drifted(self) -> int:
        """How many documents differ."""
        return sum(self.counts.values()) + self.unjudged

    @property
    def clean(self) -> bool:
        """Whether every document equals its row."""
        return self.drifted == 0 and self.in_flight == 0 and not self.unreadable

    def describe_unreadable(self) -> str:
        """Return a sentence about the rows that cannot be read, "" when there are none."""
        if not self.unreadable:
            return ""
        named = "; ".join(f"{identifier}: {reason}" for identifier, reason in islice(self.unreadable.items(), NAMED))
        return f"PostgreSQL cannot make the documents of {len(self.unreadable):,} rows, such as {named}."

    def __str__(self) -> str:
        kinds = ", ".join(f"{count:,} {kind.value}" for kind, count in self.counts.items())
        more = f", {self.unjudged:,} more that differ" if self.unjudged else ""
        unreadable = f", {len(self.unreadable):,} unreadable" if self.unreadable else ""
        return (
            f"{self.pipeline} ({self.index}): {self.equal:,} equal, {kinds}{more}{unreadable}, "
            f"{self.in_flight:,} in flight"
        )


def find_field_differences(
    stored: bytes | None, expected: bytes | None, redact: Collection[str]
) -> tuple[FieldDifference, ...]:
    """Return the first SHOWN_FIELDS fields that differ, objects taken apart; values of `redact` are left out."""
    old, new = dict(_leaves(stored)), dict(_leaves(expected))
    differing = [name for name in old | new if old.get(name) != new.get(name)]
    # The mark differs whenever another field does.
    names = [name for name in differing if not name.startswith(MARK_PREFIX)] or differing
    return tuple(
        FieldDifference(name, _show(name, old.get(name), redact), _show(name, new.get(name), redact))
        for name in names[:SHOWN_FIELDS]
    )


def _leaves(document: bytes | None) -> Iterator[tuple[str, str]]:
    """Give dotted names and values, as JSON, of the fields of a document."""
    open_: list[tuple[str, Any]] = [("", json.loads(document or b"{}", parse_int=_parse_int))]
    while open_:
        name, value = open_.pop()
        if isinstance(value, dict) and (value or not name):
            prefix = f"{name}." if name else ""
            open_ += [(f"{prefix}{key}", child) for key, child in reversed(value.items())]
        else:
            yield name, json.dumps(value, ensure_ascii=False)


def _parse_int(digits: str) -> int | str:
    """Return the number, or its digits where Python would refuse to count so many."""
    return int(digits) if len(digits) <= SHOWN_CHARACTERS else digits


def _show(name: str, value: str | None, redact: Collection[str]) -> str | None:
    if value is None:
        return None
    if is_redacted(name, redact):
        return REDACTED
    return value if len(value) <= SHOWN_CHARACTERS else f"{value[:SHOWN_CHARACTERS]}…"
