"""Freshness: a marker for each source, and how long it takes into Kafka and, for each live sink, into the index.

    marker ──▶ the source's committed position ──▶ ends of topics ──▶ each sink's committed positions ──▶ _refresh
    0 ms       lag                                                                                        freshness

The barrier (services/barrier.py) once for all pipelines, each with a limit of its own: so a stream that stands still
holds up no other. Kafka Connect commits positions every `offset.flush.interval.ms`, and that much is in the figures.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from pg2es.adapters import cluster, indices
from pg2es.adapters.connect import ConnectCluster
from pg2es.adapters.elasticsearch import Client
from pg2es.core.errors import Pg2esError, TransientError
from pg2es.core.status import Delay
from pg2es.services.barrier import Way, is_in_kafka
from pg2es.services.waiting import wait_for

T = TypeVar("T")


class Clock:
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
class SinkRace:
    """The way of a marker through a live sink; it begins when the source has everything before it in Kafka."""

    index: str
    way: Way
    clock: Clock


@dataclass
class SourceRace:
    """The way of a marker out of PostgreSQL."""

    connector: str
    lsn: int
    clock: Clock
    sinks: list[SinkRace] = field(default_factory=list)

    @property
    def finished(self) -> bool:
        """Whether nothing is waited for: without the source, its sinks have nothing to reach."""
        delay = self.clock.delay
        return delay is not None and (not delay.reached or all(sink.clock.delay for sink in self.sinks))


class Course:
    """Follows markers through Kafka Connect, Kafka and Elasticsearch."""

    def __init__(self, connect: ConnectCluster, client: Client) -> None:
        self._connect = connect
        self._client = client.options(request_timeout=cluster.TIMEOUT_S)

    def run(self, races: list[SourceRace]) -> None:
        """Return when each clock has stopped that can."""

        def advance() -> bool:
            for race in races:
                self._advance(race)
            return all(race.finished for race in races)

        wait_for(advance, timeout_s=3600, on_timeout=lambda: TransientError("The clocks of the monitor do not stop."))

    def _advance(self, race: SourceRace) -> None:
        if race.clock.delay is None:
            race.clock.advance(self._is_in_kafka, race)
        if race.clock.delay is None or not race.clock.delay.reached:
            return
        for sink in race.sinks:
            if sink.clock.delay is None:
                sink.clock.advance(self._is_searchable, sink)

    def _is_in_kafka(self, race: SourceRace) -> bool:
        return is_in_kafka(self._connect, race.connector, race.lsn)

    def _is_searchable(self, sink: SinkRace) -> bool:
        if not sink.way.is_done():
            return False
        indices.refresh_index(self._client, sink.index)
        return True
