"""What can be wrong with a running stream, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What is wrong; tasks of the DAG monitor are named after it."""

    FILE = "file"  # one that cannot be used: what it is about is left as it is
    UNREACHABLE = "unreachable"  # a server does not answer
    REFUSED = "refused"  # a server answers, but does not let the monitor see: a login, a right, an alias
    WORKER_DOWN = "worker_down"
    VERSION = "version"  # the sink on a worker is another version than this pg2es
    CONNECTOR_MISSING = "connector_missing"
    CONNECTOR_NOT_RUNNING = "connector_not_running"  # paused, stopped or without a worker
    CONNECTOR_FAILED = "connector_failed"
    SLOT_MISSING = "slot_missing"
    SLOT_LOST = "slot_lost"
    SLOT_RECREATED = "slot_recreated"  # somebody made it anew: what changed in between is in no event
    SLOT_UNRESERVED = "slot_unreserved"  # its WAL may be removed any time
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
    BROKEN = "broken"  # tables, rights or publication are no longer as the pipeline needs them
    GAP = "gap"  # changes may be missing, and no backfill has gone through since
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
