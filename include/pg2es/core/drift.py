"""Drift: how a document can differ from what PostgreSQL says."""

import json
from dataclasses import dataclass, field
from enum import StrEnum

from pg2es.core.digest import BROKEN, Digest, is_intact
from pg2es.core.table import Key


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


def classify_digests(expected: Digest | None, stored: Digest | None) -> Drift | None:
    """Return how a document differs as far as digests tell: what somebody altered may look like another kind."""
    if expected == stored:
        return None
    if stored is None:
        return Drift.MISSING
    if stored == BROKEN:
        return Drift.ALTERED
    return Drift.EXTRA if expected is None else Drift.STALE


def key_of_id(key: Key, identifier: str) -> tuple[str, ...]:
    """Return the key that a document id stands for, as texts in key order."""
    return (identifier,) if len(key.columns) == 1 else tuple(json.loads(identifier))


@dataclass
class Comparison:
    """What a comparison of every root found. `samples` holds the first ids of each kind."""

    pipeline: str
    index: str
    equal: int = 0
    counts: dict[Drift, int] = field(default_factory=lambda: dict.fromkeys(Drift, 0))
    samples: dict[Drift, list[str]] = field(default_factory=lambda: {kind: [] for kind in Drift})
    in_flight: int = 0

    @property
    def drifted(self) -> int:
        """How many documents differ."""
        return sum(self.counts.values())

    @property
    def clean(self) -> bool:
        """Whether every document equals its row."""
        return self.drifted == 0 and self.in_flight == 0

    def __str__(self) -> str:
        kinds = ", ".join(f"{count:,} {kind.value}" for kind, count in self.counts.items())
        return f"{self.pipeline} ({self.index}): {self.equal:,} equal, {kinds}, {self.in_flight:,} in flight"
