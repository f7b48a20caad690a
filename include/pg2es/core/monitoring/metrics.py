"""Metrics: the figures of a look, as monitoring systems take them. Pure; names and units are as Prometheus wants them.

Where they go, a name gets the prefix that is usual there: `pg2es_source_lag_seconds`, `pg2es.source_lag_seconds`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import get_args

from pg2es.core.config import Project
from pg2es.core.drift import Drift, Outcome
from pg2es.core.monitoring.breaches import Breach, Kind
from pg2es.core.monitoring.status import Cluster, ConnectorStatus, Delay, PipelineStatus, SourceStatus, State, Status
from pg2es.core.reports import ReportKind

MEANINGS = {
    "look_timestamp_seconds": "When the look began, as Unix time.",
    "look_duration_seconds": "How long the look took.",
    "breach": "1 for each thing that is wrong; a thing that is not wrong is not there.",
    "breaches": "How many things of a kind are wrong.",
    "connect_worker_up": "Whether a worker of Kafka Connect answers.",
    "kafka_brokers": "Brokers of Kafka that are up.",
    "elasticsearch_health": "1 for the health that the cluster of Elasticsearch has.",
    "elasticsearch_heap_ratio": "Heap that a node of Elasticsearch uses, 0 to 1.",
    "elasticsearch_disk_free_bytes": "Free space of a node's fullest disk.",
    "elasticsearch_disk_watermark_bytes": "Free space below which a node takes no new shard.",
    "elasticsearch_rejections_total": "Bulk requests that a node refused since it was started.",
    "connector_running": "Whether a connector and all of its tasks run.",
    "connector_state": "1 for the state that a connector has.",
    "connector_tasks": "Tasks of a connector, by state.",
    "slot_active": "Whether somebody reads the replication slot.",
    "slot_lost": "Whether the replication slot has lost WAL that it needs.",
    "slot_retained_wal_bytes": "WAL that PostgreSQL keeps for the replication slot.",
    "source_lag_bytes": "WAL that the reader of the replication slot has not confirmed.",
    "source_lag_seconds": "From a marker's commit until Kafka has everything before it, or how long that was waited "
    "for.",
    "source_marker_reached": "Whether the marker came into Kafka in time.",
    "source_dead_letters": "Records from the first open dead letter on.",
    "pipeline_live": "1 for the live generation of a pipeline.",
    "pipeline_freshness_seconds": "From a marker's commit until everything before it is searchable, or how long that "
    "was waited for.",
    "pipeline_marker_reached": "Whether everything before the marker was searchable in time.",
    "pipeline_indexing_per_second": "Documents written into the live generation, since the look before.",
    "pipeline_indexing_latency_seconds": "Time that Elasticsearch took for a document, since the look before.",
    "pipeline_run_timestamp_seconds": "When a batch job of a pipeline last reported, as Unix time.",
    "pipeline_reconcile_outcome": "1 for the outcome of the last reconciliation.",
    "pipeline_drift_documents": "Documents that differed in the last reconciliation, before its repair.",
    "sink_lag_records": "Records that the live sink still has to read.",
}
"""What there is. A name that ends in `_total` is a counter, any other a gauge."""

_HEALTHS = ("green", "yellow", "red")


@dataclass(frozen=True)
class Metric:
    """One figure: a name of MEANINGS, and the labels that say whose it is."""

    name: str
    labels: dict[str, str]
    value: float


def measure(project: Project, status: Status, breaches: Iterable[Breach]) -> list[Metric]:
    """Return the figures of a look and of what is wrong. What could not be seen, or is not there, has none."""
    return [
        Metric("look_timestamp_seconds", {}, status.at.timestamp()),
        Metric("look_duration_seconds", {}, status.seconds),
        *_measure_breaches(list(breaches)),
        *(_is("connect_worker_up", holds=problem is None, worker=url) for url, problem in status.workers.items()),
        *_known("kafka_brokers", status.brokers),
        *(_measure_cluster(status.elasticsearch) if status.elasticsearch else ()),
        *(
            Metric("elasticsearch_rejections_total", {"node": node}, count)
            for node, count in (status.counters.rejections if status.counters else {}).items()
        ),
        *(found for source in status.sources for found in _measure_source(project, source)),
        *(found for pipeline in status.pipelines for found in _measure_pipeline(pipeline)),
    ]


def _measure_breaches(breaches: list[Breach]) -> Iterator[Metric]:
    for breach in breaches:
        yield _is("breach", holds=True, kind=breach.kind.value, about=breach.about)
    for kind in Kind:
        yield Metric("breaches", {"kind": kind.value}, sum(breach.kind is kind for breach in breaches))


def _measure_cluster(cluster: Cluster) -> Iterator[Metric]:
    yield from _one_of("elasticsearch_health", "health", _HEALTHS, cluster.health)
    for node in cluster.nodes:
        yield Metric("elasticsearch_heap_ratio", {"node": node.name}, node.heap_percent / 100)
        yield Metric("elasticsearch_disk_free_bytes", {"node": node.name}, node.disk_free_bytes)
        yield Metric("elasticsearch_disk_watermark_bytes", {"node": node.name}, node.disk_watermark_bytes)


def _measure_source(project: Project, source: SourceStatus) -> Iterator[Metric]:
    labels = {"source": source.name}
    if source.connector:
        yield from _measure_connector(source.connector, **labels, connector=project.source(source.name).connector)
    if slot := source.slot:
        yield _is("slot_active", holds=slot.active, **labels)
        yield _is("slot_lost", holds=slot.lost is not None, **labels)
        yield Metric("slot_retained_wal_bytes", labels, slot.retained_bytes)
        yield Metric("source_lag_bytes", labels, slot.lag_bytes)
    yield from _measure_delay("source_lag_seconds", "source_marker_reached", source.lag, **labels)
    yield from _known("source_dead_letters", source.dead_letters, **labels)


def _measure_pipeline(pipeline: PipelineStatus) -> Iterator[Metric]:
    labels = {"pipeline": pipeline.name}
    if pipeline.index:
        yield _is("pipeline_live", holds=True, **labels, index=pipeline.index)
    for name, sink in pipeline.sinks.items():
        yield from _measure_connector(sink, **labels, connector=name)
    for place, records in (pipeline.lag or {}).items():
        topic, _, partition = place.rpartition("-")
        yield Metric("sink_lag_records", {**labels, "topic": topic, "partition": partition}, records)
    yield from _measure_delay("pipeline_freshness_seconds", "pipeline_marker_reached", pipeline.freshness, **labels)
    if indexing := pipeline.indexing:
        yield Metric("pipeline_indexing_per_second", labels, indexing.per_s)
        if indexing.latency_ms is not None:
            yield Metric("pipeline_indexing_latency_seconds", labels, indexing.latency_ms / 1000)
    yield from _measure_runs(pipeline)


def _measure_runs(pipeline: PipelineStatus) -> Iterator[Metric]:
    labels = {"pipeline": pipeline.name}
    for kind, run in pipeline.runs.items():
        yield Metric("pipeline_run_timestamp_seconds", {**labels, "run": kind}, run.at.timestamp())
    if done := pipeline.runs.get(ReportKind.RECONCILE):
        yield from _one_of("pipeline_reconcile_outcome", "outcome", Outcome, done.outcome, **labels)
        for drift in Drift:
            yield from _known("pipeline_drift_documents", done.counts.get(drift), **labels, kind=drift.value)


def _measure_connector(found: ConnectorStatus, **labels: str) -> Iterator[Metric]:
    yield _is("connector_running", holds=found.running, **labels)
    states: tuple[State, ...] = get_args(State)
    yield from _one_of("connector_state", "state", states, found.state, **labels)
    for state in states:
        yield Metric("connector_tasks", {**labels, "state": state}, found.tasks.count(state))


def _measure_delay(name: str, reached: str, delay: Delay | None, **labels: str) -> Iterator[Metric]:
    if delay:
        yield Metric(name, labels, delay.ms / 1000)
        yield _is(reached, holds=delay.reached, **labels)


def _known(name: str, value: float | None, **labels: str) -> Iterator[Metric]:
    if value is not None:
        yield Metric(name, labels, value)


def _is(name: str, *, holds: bool, **labels: str) -> Metric:
    return Metric(name, labels, int(holds))


def _one_of(name: str, label: str, values: Iterable[str], found: str | None, **labels: str) -> Iterator[Metric]:
    """Give 1 to the value that is found and 0 to the others: a gauge keeps what it was told last."""
    for value in values:
        yield _is(name, holds=value == found, **labels, **{label: str(value)})
