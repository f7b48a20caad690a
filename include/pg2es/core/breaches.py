"""What can be wrong with a running stream, and what to do about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What is wrong; tasks of the DAG monitor are named after it."""

    UNREACHABLE = "unreachable"  # a server does not answer
    REFUSED = "refused"  # a server answers, but does not let the monitor see: a login, a right, an alias
    WORKER_DOWN = "worker_down"
    CONNECTOR_MISSING = "connector_missing"
    CONNECTOR_NOT_RUNNING = "connector_not_running"  # paused, stopped or without a worker
    CONNECTOR_FAILED = "connector_failed"
    SLOT_MISSING = "slot_missing"
    SLOT_LOST = "slot_lost"
    SLOT_INACTIVE = "slot_inactive"
    WAL_RETAINED = "wal_retained"
    SOURCE_STALLED = "source_stalled"  # a marker does not come into Kafka
    SINK_STALLED = "sink_stalled"  # it is in Kafka, and what came before it does not become searchable
    SINK_LAG = "sink_lag"
    CLUSTER_RED = "cluster_red"
    HEAP = "heap"
    DISK = "disk"
    REJECTIONS = "rejections"
    DEAD_LETTERS = "dead_letters"
    DRIFT = "drift"
    RECONCILE_OVERDUE = "reconcile_overdue"


@dataclass(frozen=True)
class Breach:
    """One thing that is wrong with a server, source or pipeline, and the sentence that says what to do."""

    kind: Kind
    about: str
    sentence: str

    @property
    def name(self) -> str:
        """What and about whom, in two words: the same as long as it lasts, while figures in the sentence change."""
        return f"{self.kind} {self.about}"

    def to_json(self) -> dict[str, str]:
        """Return the breach as objects of JSON."""
        return {"kind": self.kind.value, "about": self.about, "sentence": self.sentence}

    @classmethod
    def from_json(cls, values: dict[str, str]) -> "Breach":
        """Return a breach that was kept as JSON."""
        return cls(Kind(values["kind"]), values["about"], values["sentence"])

    def __str__(self) -> str:
        return f"{self.name}: {self.sentence}"


_BLIND = (Kind.UNREACHABLE, Kind.REFUSED)


@dataclass(frozen=True)
class News:
    """What somebody has to be told who knew of some breaches; `open`: what they know of afterwards."""

    begun: tuple[Breach, ...]
    over: tuple[Breach, ...]
    open: tuple[Breach, ...]


def find_news(known: Iterable[Breach], now: Iterable[Breach]) -> News:
    """Return what has begun and what is over.

    While a server cannot be seen, only that is told: whatever depends on it is not over because nobody sees it.
    """
    before, after = {breach.name: breach for breach in known}, {breach.name: breach for breach in now}
    blind = any(breach.kind in _BLIND for breach in after.values())
    gone = [breach for name, breach in before.items() if name not in after]
    over = tuple(breach for breach in gone if breach.kind in _BLIND or not blind)
    return News(
        begun=tuple(breach for name, breach in after.items() if name not in before),
        over=over,
        open=(*after.values(), *(breach for breach in gone if breach not in over)),
    )
