"""The barrier: everything committed before now has been handled. No clocks.

    marker into the WAL ──▶ the source's committed offset is behind it ──▶ ends of the sink's change topics
                                                                               │
    ends of the refresh topic, twice ◀── the sink's committed offsets have reached them
         │
         └─▶ reached ──▶ _refresh

A change that leads to many roots goes on as pages in the refresh topic, a TRUNCATE as a request there that becomes
pages behind it: so the ends of that topic are taken again, twice. Refreshes that are due later are not waited for.

The source's offsets are those that Kafka Connect has committed: it commits one only when every record before it is
acknowledged by Kafka. That the marker itself arrived in its topic proves less: records of other partitions are sent
in requests of their own and may come later (tests/integration/test_barrier.py measures it).
"""

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from pg2es.adapters import kafka
from pg2es.adapters.connect import ConnectCluster
from pg2es.adapters.elasticsearch import indices
from pg2es.adapters.postgres import Session, fetch_one, translate_errors
from pg2es.core.config import Pipeline, Source
from pg2es.core.errors import BarrierTimeout, ConnectorError
from pg2es.core.generations import sink_connector
from pg2es.core.sql import protocol
from pg2es.core.stream import Config, topics_to_reach
from pg2es.services.clients import Clients
from pg2es.services.generations import Generation
from pg2es.services.waiting import wait_for

log = logging.getLogger(__name__)

BARRIER_TIMEOUT_S = 600


def pass_barrier(
    clients: Clients, pipeline: Pipeline, generation: Generation, timeout_s: float = BARRIER_TIMEOUT_S
) -> int:
    """Return when every change committed before this call is searchable in the generation; return the marker's LSN.

    Raises ConnectorError when the source or the sink has failed, BarrierTimeout when the stream is too slow.
    """
    source = clients.project.source_of(pipeline)
    with clients.session(source) as session, translate_errors(f"Source {source.name}"):
        lsn = write_marker(session)
    _wait_for_source(clients, source, lsn, timeout_s)
    _wait_for_sink(clients, progress_of(clients, sink_connector(generation.index)), timeout_s)
    indices.refresh_index(clients.elasticsearch, generation.index)
    return lsn


def write_marker(session: Session) -> int:
    """Write a marker into the WAL and return its LSN. It is transactional, so it is on disk when this returns."""
    return int(fetch_one(session, protocol.BARRIER, str(uuid.uuid4()))[0])


def is_in_kafka(connect: ConnectCluster, connector: str, lsn: int) -> bool:
    """Whether Kafka has every change before an LSN, acknowledged."""
    return any(entry["offset"].get("lsn", 0) >= lsn for entry in connect.offsets(connector))


def count_behind(admin: kafka.Admin, sink: str, ends: dict[kafka.Partition, int]) -> dict[kafka.Partition, int]:
    """Return by partition how many records before `ends` a sink has not committed."""
    committed = kafka.committed_offsets(admin, f"connect-{sink}", ends)
    return {partition: max(0, end - committed.get(partition, 0)) for partition, end in ends.items()}


def count_lag(admin: kafka.Admin, sink: str, config: Config) -> dict[kafka.Partition, int]:
    """Return by partition how many records a sink, whose configuration this is, still has to do now.

    Refreshes that are due later are none of them.
    """
    topics = {topic for stage in topics_to_reach(config) for topic in stage}
    return count_behind(admin, sink, kafka.end_offsets(admin, sorted(topics)))


@dataclass(frozen=True)
class Reached:
    """Which stage a sink is in, and the ends that it has to reach there, `[topic, partition, offset]`; small JSON."""

    stage: int = 0
    ends: Sequence[tuple[str, int, int]] = ()


class SinkProgress:
    """How far a sink, whose configuration this is, is with what its topics hold by now, or with what it has reached."""

    def __init__(self, admin: kafka.Admin, sink: str, config: Config, reached: Reached | None = None) -> None:
        self.sink = sink
        self._admin = admin
        self._stages = topics_to_reach(config)
        self._stage = reached.stage if reached else 0
        self._ends = {(topic, number): end for topic, number, end in reached.ends} if reached else {}

    @property
    def reached(self) -> Reached:
        """How far it is, for another process that goes on from there."""
        return Reached(self._stage, [(*partition, end) for partition, end in self._ends.items()])

    def is_done(self) -> bool:
        """Go on as far as possible; whether that is the end. The ends of a stage are taken when it is entered."""
        while self._stage < len(self._stages):
            self._ends = self._ends or kafka.end_offsets(self._admin, self._stages[self._stage])
            if self.count_behind():
                return False
            self._stage += 1
            self._ends = {}
        return True

    def count_behind(self) -> int:
        """Return how many records of this stage are not done."""
        return sum(count_behind(self._admin, self.sink, self._ends).values())


def progress_of(clients: Clients, sink: str, reached: Reached | None = None) -> SinkProgress:
    """Return how far a sink is with what its topics hold by now, or with what it has reached; ConnectorError: none."""
    config = clients.connect.config(sink)
    if config is None:
        raise ConnectorError(f"There is no sink {sink}; run the DAG connectors to deploy it.")
    return SinkProgress(clients.kafka, sink, config, reached)


def _wait_for_source(clients: Clients, source: Source, lsn: int, timeout_s: float) -> None:
    def reached() -> bool:
        check_alive(clients, source.connector)
        return is_in_kafka(clients.connect, source.connector, lsn)

    wait_for(
        reached,
        timeout_s=timeout_s,
        on_timeout=lambda: BarrierTimeout(
            f"Connector {source.connector} did not bring LSN {lsn} into Kafka within {timeout_s:.0f} s; "
            f"it runs, so look at its lag: a very long transaction holds back everything behind it."
        ),
    )


def _wait_for_sink(clients: Clients, progress: SinkProgress, timeout_s: float) -> None:
    def reached() -> bool:
        check_alive(clients, progress.sink)
        return progress.is_done()

    wait_for(
        reached,
        timeout_s=timeout_s,
        on_timeout=lambda: BarrierTimeout(
            f"Sink {progress.sink} is {progress.count_behind():,} records behind after {timeout_s:.0f} s; "
            f"look at its log and at the load of Elasticsearch, then run this again."
        ),
    )


def check_alive(clients: Clients, name: str) -> None:
    """Raise ConnectorError when there is no such connector, or it has failed."""
    status = clients.connect.status(name)
    if status is None:
        raise ConnectorError(f"There is no connector {name}; run the DAG connectors to deploy it.")
    if status.failed:
        raise ConnectorError(f"Connector {name} has failed: {'; '.join(status.trace)}")
