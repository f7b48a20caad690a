"""What the monitor saw of servers, sources and pipelines in one look. None: it could not be seen, or is not there."""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from pg2es.core.monitoring.breaches import Breach

State = Literal["RUNNING", "PAUSED", "STOPPED", "UNASSIGNED", "RESTARTING", "FAILED", "DESTROYED"]


@dataclass(frozen=True)
class ConnectorStatus:
    """State of a connector and of its tasks; `trace` holds the first line of each failure."""

    state: State
    tasks: tuple[State, ...]
    trace: tuple[str, ...]

    @property
    def running(self) -> bool:
        """Whether the connector and all of its tasks (at least one) run."""
        return self.state == "RUNNING" and bool(self.tasks) and all(task == "RUNNING" for task in self.tasks)

    @property
    def failed(self) -> bool:
        """Whether the connector or a task has failed."""
        return self.state == "FAILED" or "FAILED" in self.tasks


@dataclass(frozen=True)
class ConnectorPart:
    """A connector itself (`task` is None) or one of its tasks: its worker, and the whole trace of a failure."""

    task: int | None
    state: State
    worker: str
    trace: str | None


@dataclass(frozen=True)
class Slot:
    """A replication slot: WAL kept for it, and WAL that its reader has not confirmed. `lost`: why it is of no use.

    `unreserved`: PostgreSQL may remove WAL that it needs any time. `recreated`: why it is not the one that pg2es made.
    """

    active: bool
    retained_bytes: int
    lag_bytes: int
    lost: str | None = None
    unreserved: bool = False
    recreated: str | None = None


@dataclass(frozen=True)
class Delay:
    """How long a marker took; how long was waited in vain, when it was not `reached`, and what kept us from seeing."""

    ms: int
    reached: bool
    problem: str = ""


@dataclass(frozen=True)
class Node:
    """A node of Elasticsearch, and its fullest disk, below whose watermark it takes no new shard."""

    name: str
    heap_percent: int
    disk_free_bytes: int
    disk_watermark_bytes: int


@dataclass(frozen=True)
class Cluster:
    """Elasticsearch: its health, `green`, `yellow` or `red`, and its nodes."""

    health: str
    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Indexing:
    """Documents written into an index since the look before; no latency where there were none."""

    per_s: float
    latency_ms: float | None


@dataclass(frozen=True)
class Counters:
    """Figures that only grow until a server restarts, at a Unix time in seconds: two of them make a rate.

    By node the bulk requests that it refused; by index the documents written, and the milliseconds that took.
    """

    at: float
    rejections: dict[str, int]
    writes: dict[str, tuple[int, int]]

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Counters":
        """Return counters that were kept as JSON."""
        writes = {index: (count, ms) for index, (count, ms) in values["writes"].items()}
        return cls(values["at"], values["rejections"], writes)

    def rejections_since(self, before: "Counters") -> dict[str, int]:
        """Return by node how many bulk requests it refused since then."""
        return {node: _growth(before.rejections.get(node, 0), now) for node, now in self.rejections.items()}

    def indexing_since(self, before: "Counters", index: str) -> Indexing | None:
        """Return the writes into an index since then, None when it was not there."""
        if index not in self.writes or index not in before.writes or self.at <= before.at:
            return None
        (count, ms), (count_before, ms_before) = self.writes[index], before.writes[index]
        written = _growth(count_before, count)
        latency_ms = _growth(ms_before, ms) / written if written else None
        return Indexing(written / (self.at - before.at), latency_ms)


@dataclass(frozen=True)
class Run:
    """When a batch job of a pipeline last reported, and how it ended; `counts`: the documents of each kind of drift."""

    at: datetime
    outcome: str | None
    text: str
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class SourceStatus:
    """A source. `lag`: of a marker, from its commit until Kafka has everything before it.

    `deployed`: somebody relies on it, because a pipeline of it is live. `dead_letters`: records from the first open one
    on, so 0 means that there are none.
    """

    name: str
    deployed: bool
    connector: ConnectorStatus | None
    slot: Slot | None
    lag: Delay | None
    dead_letters: int | None


@dataclass(frozen=True)
class PipelineStatus:
    """A pipeline. `index` is the live generation, None before the first backfill; `sinks` are those of all generations.

    `lag`: records that the live sink still has to read, by `topic-partition`. `freshness`: of a marker, from its commit
    until everything before it is searchable.
    """

    name: str
    index: str | None
    sink: str | None
    sinks: dict[str, ConnectorStatus]
    lag: dict[str, int] | None
    freshness: Delay | None
    indexing: Indexing | None
    runs: dict[str, Run]
    gap: datetime | None = None
    """When it was found that the live generation may lack changes; None once a backfill has gone through."""
    problems: tuple[str, ...] = ()
    """What is no longer as the preflight found it."""


@dataclass(frozen=True)
class Status:
    """One look at everything. `workers`: by address, what is wrong with a worker of Kafka Connect, None for nothing.

    `sink_versions`: by address, the version of the pg2es sink on each worker that answers and has it.

    `rejections`: by node of Elasticsearch, the bulk requests that it refused since the look before.

    `sees_connectors` and `sees_slots` tell what is absent from what could not be seen; the latter names sources.
    """

    at: datetime
    seconds: float
    workers: dict[str, str | None]
    brokers: int | None
    elasticsearch: Cluster | None
    rejections: dict[str, int]
    sources: tuple[SourceStatus, ...]
    pipelines: tuple[PipelineStatus, ...]
    sees_connectors: bool
    sees_slots: frozenset[str]
    failures: tuple[Breach, ...]
    sink_versions: dict[str, str] = field(default_factory=dict)
    counters: Counters | None = field(repr=False, default=None)

    def to_json(self) -> dict[str, Any]:
        """Return what was seen, as objects of JSON but for its times."""
        return {**asdict(self), "sees_slots": sorted(self.sees_slots)}


def _growth(before: int, now: int) -> int:
    return now - before if now >= before else now  # began at 0 again
