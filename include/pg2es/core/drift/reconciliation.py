"""What a reconciliation found and did."""

from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Any

from pg2es.core.drift.comparison import SAMPLE, Comparison


class Deep(StrEnum):
    """Which stored documents are read to see whether somebody else changed them."""

    NONE = "none"
    PART = "part"  # another part with each run
    ALL = "all"


class Outcome(StrEnum):
    """How a reconciliation ends."""

    EQUAL = "equal"
    REPAIRED = "repaired"  # something differed, and nothing does any more
    DRIFT = "drift"  # something differs; repair was not wanted
    TOO_MUCH = "too_much"  # so much differs that something else is wrong; nothing was repaired
    UNREPAIRED = "unrepaired"  # what was repaired still differs
    UNREADABLE = "unreadable"  # equal, but for rows that PostgreSQL cannot make documents of
    REWOUND = "rewound"  # versions are above what this database has given: it was restored or failed over

    @property
    def is_good(self) -> bool:
        """Whether both sides are equal now."""
        return self in (Outcome.EQUAL, Outcome.REPAIRED)


@dataclass(frozen=True)
class DeepRead:
    """The documents that were read as a whole: how many, and which part of so many parts of the buckets."""

    documents: int
    part: int
    parts: int


@dataclass
class Reconciliation:
    """One run. `found` is the drift before a repair, `left` what still differs after it; `advice` says what to do.

    `rejected` names documents that Elasticsearch refused, `ignored` counts those in which it left a field out of the
    index. `lsn` is the position that everything found is at least as new as.
    """

    pipeline: str
    index: str
    lsn: int
    documents: int
    found: Comparison
    outcome: Outcome = Outcome.EQUAL
    repaired: int = 0
    left: Comparison | None = None
    rejected: list[str] = field(default_factory=list)
    deep: DeepRead | None = None
    ignored: int = 0
    advice: str = ""
    seconds: float = 0.0

    @property
    def counts(self) -> dict[str, int]:
        """The figures that others act on: documents, each kind of drift, and what became of it."""
        return {
            "documents": self.documents,
            **{kind.value: count for kind, count in self.found.counts.items()},
            "unjudged": self.found.unjudged,
            "unreadable": len(self.found.unreadable),
            "in_flight": self.found.in_flight,
            "rewound": self.found.rewound,
            "repaired": self.repaired,
            "ignored": self.ignored,
        }

    def __str__(self) -> str:
        repaired = f" {self.repaired:,} repaired." if self.repaired else ""
        deep = f" {self.deep.documents:,} documents were read whole" if self.deep else ""
        share = f" (part {self.deep.part + 1} of {self.deep.parts})" if self.deep and self.deep.parts > 1 else ""
        ignored = f" {self.ignored:,} have fields that the index leaves out (_ignored)." if self.ignored else ""
        advice = f" {self.advice}" if self.advice else ""
        return (
            f"{self.outcome.value}: {self.found}; LSN {format_lsn(self.lsn)}, {self.seconds:.1f} s."
            f"{repaired}{deep}{share}{'.' if deep else ''}{ignored}{advice}"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the details of the report: counts, and the first documents of each kind with what differs."""
        return {
            "index": self.index,
            "counts": self.counts,
            "samples": {
                kind.value: [
                    {"id": identifier, "fields": [part._asdict() for part in self.found.fields.get(identifier, ())]}
                    for identifier in ids
                ]
                for kind, ids in self.found.samples.items()
            },
            "unreadable": dict(islice(self.found.unreadable.items(), SAMPLE)),
            "hot": self.found.hot,
            "left": {kind.value: ids for kind, ids in self.left.samples.items()} if self.left else {},
            "rejected": self.rejected,
            "deep": {"documents": self.deep.documents, "part": self.deep.part, "parts": self.deep.parts}
            if self.deep
            else None,
            "lsn": format_lsn(self.lsn),
            "seconds": round(self.seconds, 3),
            "advice": self.advice,
        }


def format_lsn(lsn: int) -> str:
    """Return an LSN as PostgreSQL writes it, `16/B374D848`."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"
