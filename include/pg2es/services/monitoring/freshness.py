"""Freshness: a marker for each source, and how long it takes into Kafka and, for each live sink, into the index.

    marker ──▶ the source's committed position ──▶ ends of topics ──▶ each sink's committed positions ──▶ _refresh
    0 ms       lag                                                                                        freshness

The barrier (services/stream/barrier.py) once for all pipelines, each with a limit of its own: so a stream that stands
still holds up no other. Kafka Connect commits positions every `offset.flush.interval.ms`; that much is in the figures.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from pg2es.adapters.connect import ConnectCluster
from pg2es.adapters.elasticsearch import Client, cluster, indices
from pg2es.core.errors import Pg2esError, TransientError
from pg2es.core.monitoring import Delay
from pg2es.services.stream import SinkProgress, is_in_kafka
from pg2es.services.waiting import wait_for

T = TypeVar("T")


class Stopwatch:
    """Measures one delay, up to a limit."""

    def __init__(self, limit_s: float) -> None:
        self._started = time.monotonic()
        self._limit_s = limit_s
        self.delay: Delay | None = None

    def advance(self, check: Callable[[T], bool], runner: T) -> None:
        """Stop when the check holds or the time is over. What cannot be told now is asked again until then."""
        reached, problem = False, ""
        try:
            reached = check(runner)
        except Pg2esError as error:
            problem = str(error)
        seconds = time.monotonic() - self._started
        if reached or seconds >= self._limit_s:
            self.delay = Delay(round(seconds * 1000), reached, problem)


@dataclass
class SinkMarker:
    """A marker on its way through a live sink, from when Kafka has everything before it."""

    index: str
    progress: SinkProgress
    stopwatch: Stopwatch


@dataclass
class SourceMarker:
    """A marker on its way from PostgreSQL into Kafka, and from there through the live sinks."""

    connector: str
    lsn: int
    stopwatch: Stopwatch
    sinks: list[SinkMarker] = field(default_factory=list)

    @property
    def finished(self) -> bool:
        """Whether nothing is waited for: without the source, its sinks have nothing to reach."""
        delay = self.stopwatch.delay
        return delay is not None and (not delay.reached or all(sink.stopwatch.delay for sink in self.sinks))


class MarkerTracker:
    """Follows markers through Kafka Connect, Kafka and Elasticsearch."""

    def __init__(self, connect: ConnectCluster, client: Client) -> None:
        self._connect = connect
        self._client = client.options(request_timeout=cluster.TIMEOUT_S)

    def follow(self, markers: list[SourceMarker]) -> None:
        """Return when each marker has arrived or has taken too long."""

        def advance() -> bool:
            for marker in markers:
                self._advance(marker)
            return all(marker.finished for marker in markers)

        wait_for(
            advance,
            timeout_s=3600,
            on_timeout=lambda: TransientError("Markers neither arrive nor time out."),
        )

    def _advance(self, marker: SourceMarker) -> None:
        if marker.stopwatch.delay is None:
            marker.stopwatch.advance(self._is_in_kafka, marker)
        if marker.stopwatch.delay is None or not marker.stopwatch.delay.reached:
            return
        for sink in marker.sinks:
            if sink.stopwatch.delay is None:
                sink.stopwatch.advance(self._is_searchable, sink)

    def _is_in_kafka(self, marker: SourceMarker) -> bool:
        return is_in_kafka(self._connect, marker.connector, marker.lsn)

    def _is_searchable(self, sink: SinkMarker) -> bool:
        if not sink.progress.is_done():
            return False
        indices.refresh_index(self._client, sink.index)
        return True
