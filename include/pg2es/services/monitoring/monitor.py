"""The monitor: one look at the servers, each source and each pipeline. What cannot be seen is a failure of the look.

    Elasticsearch, Kafka Connect, Kafka, each PostgreSQL ──▶ markers ──▶ lags, dead letters, reports ──▶ Status

Cheap enough for each minute: some requests for all together, three or four more for a pipeline and the catalogs of its
tables, one marker for a source. `core/monitoring/judgement.py` says what of it is wrong.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import ParamSpec, TypeVar

from psycopg.rows import TupleRow

from pg2es.adapters import kafka
from pg2es.adapters.connect import ConnectCluster
from pg2es.adapters.elasticsearch import indices, read_cluster
from pg2es.adapters.postgres import Session, read_identity, translate_errors
from pg2es.core.config import Pipeline, Source
from pg2es.core.errors import Pg2esError, TransientError
from pg2es.core.generations import Meta, is_sink_of, sink_connector
from pg2es.core.monitoring import (
    DATABASE,
    Breach,
    Cluster,
    ConnectorStatus,
    Counters,
    Kind,
    PipelineStatus,
    Run,
    Slot,
    SourceStatus,
    Status,
)
from pg2es.core.preflight import Finding, error
from pg2es.core.reports import ReportKind
from pg2es.core.sql import monitor as sql
from pg2es.core.stream import SINK_CLASS, Config, source_position
from pg2es.services import preflight
from pg2es.services.clients import Clients
from pg2es.services.generations import Generation
from pg2es.services.monitoring.freshness import MarkerTracker, SinkMarker, SourceMarker, Stopwatch
from pg2es.services.reports import read_last_reports
from pg2es.services.stream import SinkProgress, count_lag, write_marker

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 10
KAFKA_TIMEOUT_S = 5

P = ParamSpec("P")
T = TypeVar("T")


def look(clients: Clients, before: Counters | None = None) -> Status:
    """Return what is seen now. Rates are since the counters of the look `before`, else over this look itself.

    A server that is down raises no error. Takes as long as the slowest marker, at most as long as the limits of source
    and pipeline allow it.
    """
    return _Look(clients).look(before)


@dataclass
class _Look:
    """One look; each part sees only what the parts before it found to be there."""

    clients: Clients
    failures: list[Breach] = field(default_factory=list)
    connectors: dict[str, tuple[ConnectorStatus, dict[str, str]]] | None = None
    brokers: int | None = None
    live: dict[str, str] = field(default_factory=dict)
    """The live generation of each pipeline that has one."""
    metas: dict[str, Meta] = field(default_factory=dict)
    """What those generations remember."""
    problems: dict[str, list[Finding]] = field(default_factory=dict)
    slots: dict[str, Slot | None] = field(default_factory=dict)
    """The slot of each source whose database can be seen."""
    sources: dict[str, SourceMarker] = field(default_factory=dict)
    sinks: dict[str, SinkMarker] = field(default_factory=dict)
    runs: dict[str, dict[str, Run]] = field(default_factory=dict)

    def look(self, before: Counters | None) -> Status:
        """Look."""
        at, started = datetime.now(UTC), time.monotonic()
        cluster, counters = self._see("Elasticsearch", self._read_cluster) or (None, None)
        self.connectors = self._see("Kafka Connect", self._list_connectors)
        self.brokers = self._see("Kafka", self._count_brokers)
        if cluster:
            self._find_live()
            self.runs = self._see("the reports", self._read_runs) or {}
        self._write_markers()
        if self.sources:
            MarkerTracker(self._connect, self.clients.elasticsearch).follow(list(self.sources.values()))
        if before is None and cluster:
            before = counters
            cluster, counters = self._see("Elasticsearch", self._read_cluster) or (None, None)
        workers = self._connect.check_workers() if self.connectors is not None else {}
        return Status(
            at=at,
            workers=workers,
            sink_versions=self._see("the sink's versions", self._read_versions, workers) or {},
            brokers=self.brokers,
            elasticsearch=cluster,
            rejections=counters.rejections_since(before) if counters and before else {},
            sources=tuple(self._show_source(source) for source in self.clients.project.sources.values()),
            pipelines=tuple(
                self._show_pipeline(pipeline, counters, before) for pipeline in self.clients.project.pipelines.values()
            ),
            sees_connectors=self.connectors is not None,
            sees_slots=frozenset(self.slots),
            failures=tuple(self.failures),
            counters=counters,
            seconds=round(time.monotonic() - started, 3),
        )

    def _see(self, what: str, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """Return what is read; None when that fails, which is a breach of its own."""
        try:
            return read(*args, **kwargs)
        except Pg2esError as error:
            kind = Kind.UNREACHABLE if isinstance(error, TransientError) else Kind.REFUSED
            self.failures.append(Breach(kind, what, str(error)))
            return None

    @cached_property
    def _connect(self) -> ConnectCluster:
        return replace(self.clients.connect, timeout_s=CONNECT_TIMEOUT_S)

    def _list_connectors(self) -> dict[str, tuple[ConnectorStatus, dict[str, str]]]:
        return self._connect.list_statuses()

    def _read_versions(self, workers: dict[str, str | None]) -> dict[str, str]:
        answering = tuple(url for url, problem in workers.items() if problem is None)
        return replace(self._connect, urls=answering).plugin_versions(SINK_CLASS)

    def _count_brokers(self) -> int:
        return kafka.count_brokers(self.clients.kafka, KAFKA_TIMEOUT_S)

    def _read_cluster(self) -> tuple[Cluster, Counters]:
        aliases = sorted(pipeline.alias for pipeline in self.clients.project.pipelines.values())
        return read_cluster(self.clients.elasticsearch, aliases)

    def _find_live(self) -> None:
        for name, pipeline in self.clients.project.pipelines.items():
            found = self._see(name, indices.live_generation, self.clients.elasticsearch, pipeline.alias)
            if found:
                self.live[name] = found
                meta = self._see(name, indices.read_meta, self.clients.elasticsearch, found)
                if meta:
                    self.metas[name] = meta

    def _read_runs(self) -> dict[str, dict[str, Run]]:
        found = read_last_reports(self.clients.elasticsearch, [ReportKind.BACKFILL, ReportKind.RECONCILE])
        return {
            pipeline: {
                kind: Run(
                    at=datetime.fromisoformat(report["at"]),
                    outcome=report["outcome"],
                    text=report["text"],
                    counts=report.get("details", {}).get("counts", {}),
                )
                for kind, report in reports.items()
            }
            for pipeline, reports in found.items()
        }

    def _write_markers(self) -> None:
        """Look at the slots, and write a marker where source and servers are there to bring it through."""
        for source in self.clients.project.sources.values():
            self._see(DATABASE + source.name, self._read_slot, source)

    def _read_slot(self, source: Source) -> None:
        with self.clients.session(source) as session, translate_errors(f"Source {source.name}"):
            session.execute(sql.CAREFUL)
            row = session.execute(sql.SLOT, [source.slot]).fetchone()
            self.slots[source.name] = self._judge_slot(source, row) if row else None
            if row and self.brokers and self._runs(source.connector):
                lsn = write_marker(session)
                marker = SourceMarker(source.connector, lsn, Stopwatch(source.monitor.max_lag_s))
                self.sources[source.name] = marker
                marker.sinks = [found for pipeline in self._pipelines_of(source) if (found := self._enter(pipeline))]
            # Last, as it may wait for a table that is locked, while the marker is on its way.
            for pipeline in self._pipelines_of(source):
                self._see(pipeline.name, self._check_pipeline, session, source, pipeline)

    def _check_pipeline(self, session: Session, source: Source, pipeline: Pipeline) -> None:
        """Ask again what was checked before the live generation was streamed."""
        if meta := self.metas.get(pipeline.name):
            index = self.live[pipeline.name]
            try:
                mismatch = meta.find_mismatch(index, read_identity(session))
                self.problems[pipeline.name] = (
                    [error(index, str(mismatch))]
                    if mismatch
                    else preflight.watch(session, source, Generation(index, meta).made_from(pipeline))
                )
            except TransientError as problem:  # a table is locked, say: the next look asks again
                log.info("Pipeline %s was not checked: %s", pipeline.name, problem)

    def _judge_slot(self, source: Source, row: TupleRow) -> Slot:
        """Return the slot. Looked at before the position, its WAL begins before that, unless it is another slot."""
        active, retained, lag, lost, unreserved, restart, failover = row
        recreated = None if failover else "it is no failover slot"
        if failover and restart is not None and source.connector in (self.connectors or {}):
            position = self._see("Kafka Connect", self._read_position, source)
            if position is not None and int(restart) > position:
                recreated = "it begins behind what its connector has read"
        return Slot(active, int(retained or 0), int(lag or 0), lost, unreserved, recreated)

    def _read_position(self, source: Source) -> int | None:
        return source_position(self._connect.offsets(source.connector))

    def _enter(self, pipeline: Pipeline) -> SinkMarker | None:
        """Return the marker on its way through the pipeline's live sink, None when that does not run."""
        index = self.live.get(pipeline.name)
        if index is None or not self._runs(sink_connector(index)):
            return None
        progress = SinkProgress(self.clients.kafka, sink_connector(index), self._config(index))
        marker = SinkMarker(index, progress, Stopwatch(pipeline.monitor.max_freshness_s))
        self.sinks[pipeline.name] = marker
        return marker

    def _pipelines_of(self, source: Source) -> list[Pipeline]:
        return self.clients.project.pipelines_of(source)

    def _runs(self, connector: str) -> bool:
        found = (self.connectors or {}).get(connector)
        return found is not None and found[0].running

    def _config(self, index: str) -> Config:
        return (self.connectors or {})[sink_connector(index)][1]

    def _show_source(self, source: Source) -> SourceStatus:
        marker = self.sources.get(source.name)
        connector = (self.connectors or {}).get(source.connector)
        return SourceStatus(
            name=source.name,
            deployed=any(pipeline.name in self.live for pipeline in self._pipelines_of(source)),
            connector=connector[0] if connector else None,
            slot=self.slots.get(source.name),
            lag=marker.stopwatch.delay if marker else None,
            dead_letters=self._see(source.name, self._count_dead_letters, source) if self.brokers else None,
        )

    def _count_dead_letters(self, source: Source) -> int:
        return kafka.count_open(self.clients.kafka, source.dead_letter_topic, source.replay_group)

    def _show_pipeline(self, pipeline: Pipeline, now: Counters | None, before: Counters | None) -> PipelineStatus:
        marker = self.sinks.get(pipeline.name)
        index = self.live.get(pipeline.name)
        sink = sink_connector(index) if index else None
        sinks = {
            name: status
            for name, (status, _) in sorted((self.connectors or {}).items())
            if is_sink_of(pipeline.alias, name)
        }
        return PipelineStatus(
            name=pipeline.name,
            index=index,
            sink=sink,
            sinks=sinks,
            lag=self._see(pipeline.name, self._read_lag, index) if self.brokers and index and sink in sinks else None,
            freshness=marker.stopwatch.delay if marker else None,
            indexing=now.indexing_since(before, index) if now and before and index else None,
            runs=self.runs.get(pipeline.name, {}),
            gap=meta.gap if (meta := self.metas.get(pipeline.name)) else None,
            problems=tuple(map(str, self.problems.get(pipeline.name, ()))),
        )

    def _read_lag(self, index: str) -> dict[str, int]:
        behind = count_lag(self.clients.kafka, sink_connector(index), self._config(index))
        return {f"{topic}-{number}": records for (topic, number), records in sorted(behind.items())}
