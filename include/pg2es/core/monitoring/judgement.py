"""What was seen against what the files allow: the breaches. Pure; one cause gives one breach, as far as it can be told.

A pipeline without a live generation, and a source none of whose pipelines has one, is not judged: nobody relies on it.
"""

from collections.abc import Iterator
from datetime import timedelta

from pg2es.core.config import Pipeline, PlatformMonitor, Project, Source
from pg2es.core.drift import Outcome
from pg2es.core.monitoring.breaches import Breach, Kind
from pg2es.core.monitoring.status import ConnectorStatus, Delay, PipelineStatus, SourceStatus, Status
from pg2es.core.reports import ReportKind
from pg2es.core.versions import judge_sink

OVERDUE = 3
"""So many times the hours between two reconciliations may pass without one."""

_MIB = 1024 * 1024


def judge(project: Project, status: Status) -> list[Breach]:
    """Return everything that is wrong, the most general first."""
    return [
        *status.failures,
        *(
            Breach(Kind.FILE, one.name, f"{one.error}. Until that is mended, it stays as it was.")
            for one in project.aside
        ),
        *_judge_workers(status),
        *_judge_cluster(project.platform.monitor, status),
        *(found for source in status.sources for found in _judge_source(project.source(source.name), source, status)),
        *(found for one in status.pipelines for found in _judge_pipeline(project.pipeline(one.name), one, status)),
    ]


def _judge_workers(status: Status) -> Iterator[Breach]:
    if not status.sees_connectors:
        return  # reported already
    for url, problem in status.workers.items():
        if problem:
            yield Breach(
                Kind.WORKER_DOWN, url, f"A worker of Kafka Connect does not answer ({problem}). Start it; until then "
                f"the others do its work."
            )  # fmt: skip
    for url, version in status.sink_versions.items():
        if sentence := judge_sink(url, version):
            yield Breach(Kind.VERSION, url, sentence)


def _judge_cluster(limits: PlatformMonitor, status: Status) -> Iterator[Breach]:
    cluster = status.elasticsearch
    if cluster is None:
        return
    if cluster.health == "red":
        yield Breach(
            Kind.CLUSTER_RED,
            "Elasticsearch",
            "The cluster is red: shards are missing, so some writes and searches fail. "
            "GET _cluster/allocation/explain says why.",
        )
    for node in cluster.nodes:
        if node.heap_percent > limits.max_heap_percent:
            yield Breach(
                Kind.HEAP,
                node.name,
                f"Node {node.name} of Elasticsearch uses {node.heap_percent}% of its heap, {limits.max_heap_percent}% "
                f"are allowed. Give it more heap, or add a node.",
            )
        if node.disk_free_bytes < node.disk_watermark_bytes:
            yield Breach(
                Kind.DISK,
                node.name,
                f"Node {node.name} of Elasticsearch has {node.disk_free_bytes // _MIB:,} MiB of disk left, below its "
                f"low watermark of {node.disk_watermark_bytes // _MIB:,} MiB: no new shard comes, soon no write. "
                f"Free some space, or add a disk or node.",
            )
        if (refused := status.rejections.get(node.name, 0)) > limits.max_rejections:
            yield Breach(
                Kind.REJECTIONS,
                node.name,
                f"Node {node.name} of Elasticsearch refused {refused:,} bulk requests since the look before, "
                f"{limits.max_rejections:,} are allowed: it is overloaded. They are sent again; let fewer chunks and "
                f"tasks write at a time, or add a node.",
            )


def _judge_source(source: Source, seen: SourceStatus, status: Status) -> Iterator[Breach]:
    name, limits = source.name, source.monitor
    if seen.deployed:
        if status.sees_connectors:
            yield from _judge_connector(source.connector, seen.connector)
        if seen.name in status.sees_slots:
            yield from _judge_slot(source, seen)
    if seen.lag and _is_late(seen.lag, limits.max_lag_s):
        yield Breach(
            Kind.SOURCE_STALLED,
            name,
            f"A change of source {name} {_took(seen.lag)} to be safe in Kafka, {limits.max_lag_s:g} s are allowed, "
            f"while connector {source.connector} says that it runs. Look at its worker's log; if it hangs, restart it.",
        )
    if seen.dead_letters is not None and seen.dead_letters > limits.max_dead_letters:
        yield Breach(
            Kind.DEAD_LETTERS,
            name,
            f"Up to {seen.dead_letters:,} dead letters of source {name} are open, {limits.max_dead_letters:,} are "
            f"allowed. `pg2es replay {name} --list` says why; correct that, then run the DAG replay_{name}.",
        )


def _judge_slot(source: Source, seen: SourceStatus) -> Iterator[Breach]:
    slot, limits = seen.slot, source.monitor
    over = f"Run the DAG recover_{source.name}."
    if slot is None:
        yield Breach(
            Kind.SLOT_MISSING, source.name, f"Slot {source.slot} is gone: changes are lost to the stream. {over}"
        )
    elif slot.lost:
        yield Breach(
            Kind.SLOT_LOST,
            source.name,
            f"Slot {source.slot} has lost WAL that it needs ({slot.lost}): changes are lost to the stream. {over}",
        )
    elif slot.recreated:
        yield Breach(
            Kind.SLOT_RECREATED,
            source.name,
            f"Slot {source.slot} was made anew ({slot.recreated}): what changed before is lost to the stream. {over}",
        )
    else:
        if slot.unreserved:
            yield Breach(
                Kind.SLOT_UNRESERVED,
                source.name,
                f"PostgreSQL may remove WAL that slot {source.slot} needs at its next checkpoint "
                f"(max_slot_wal_keep_size). Let connector {source.connector} run at once; when the slot is lost, run "
                f"the DAG recover_{source.name}.",
            )
        if not slot.active and seen.connector and seen.connector.running:
            yield Breach(
                Kind.SLOT_INACTIVE,
                source.name,
                f"Nobody reads slot {source.slot} while connector {source.connector} says that it runs. Look at its "
                f"worker's log; if this stays, restart the connector.",
            )
        if slot.retained_bytes > limits.max_retained_wal_mb * _MIB:
            yield Breach(
                Kind.WAL_RETAINED,
                source.name,
                f"PostgreSQL keeps {slot.retained_bytes // _MIB:,} MiB of WAL for slot {source.slot}, "
                f"{limits.max_retained_wal_mb:,} are allowed. Let connector {source.connector} run, and end very long "
                f"transactions, before the disk is full.",
            )


def _judge_pipeline(pipeline: Pipeline, seen: PipelineStatus, status: Status) -> Iterator[Breach]:
    name, limits = pipeline.name, pipeline.monitor
    if status.sees_connectors:
        for sink, found in seen.sinks.items():
            yield from _judge_connector(sink, found)
        if seen.sink and seen.sink not in seen.sinks:
            yield from _judge_connector(seen.sink, None)
    if seen.freshness and _is_late(seen.freshness, limits.max_freshness_s):
        yield Breach(
            Kind.SINK_STALLED,
            name,
            f"A change {_took(seen.freshness)} to be searchable in {seen.index}, {limits.max_freshness_s:g} s are "
            f"allowed, while sink {seen.sink} says that it runs. Look for locks on its tables (pg_locks), at "
            f"the load of Elasticsearch, and at the log of its worker.",
        )
    behind = sum((seen.lag or {}).values())
    if behind > limits.max_lag_records:
        yield Breach(
            Kind.SINK_LAG,
            name,
            f"Sink {seen.sink} is {behind:,} records behind, {limits.max_lag_records:,} are allowed. Wait, if somebody "
            f"changed many rows; else give it more `stream.tasks`, up to the topics' partitions.",
        )
    if seen.problems:
        yield Breach(Kind.BROKEN, name, " ".join(seen.problems))
    if seen.gap:
        yield Breach(
            Kind.GAP,
            name,
            f"{seen.index} may lack what changed before {seen.gap:%Y-%m-%d %H:%M} UTC: its stream began anew, or "
            f"Elasticsearch holds an earlier state of it. Wait for the DAG recover_{pipeline.source} if it runs, "
            f"else run the DAG backfill_{name}.",
        )
    if seen.index:
        yield from _judge_runs(pipeline, seen, status)


def _judge_runs(pipeline: Pipeline, seen: PipelineStatus, status: Status) -> Iterator[Breach]:
    done = seen.runs.get(ReportKind.RECONCILE)
    if done and done.outcome and not Outcome(done.outcome).is_good:
        yield Breach(
            Kind.DRIFT, pipeline.name, f"The last reconciliation, of {done.at:%Y-%m-%d %H:%M} UTC: {done.text}"
        )
    since = done or seen.runs.get(ReportKind.BACKFILL)
    every_h = pipeline.reconcile.every_h
    if since and every_h and status.at - since.at > timedelta(hours=OVERDUE * every_h):
        yield Breach(
            Kind.RECONCILE_OVERDUE,
            pipeline.name,
            f"Nothing has reconciled pipeline {pipeline.name} since {since.at:%Y-%m-%d %H:%M} UTC, though it should be "
            f"every {every_h:g} h. Unpause the DAG reconcile_{pipeline.name}, or see why its runs fail.",
        )


def _judge_connector(name: str, found: ConnectorStatus | None) -> Iterator[Breach]:
    if found is None:
        yield Breach(
            Kind.CONNECTOR_MISSING, name, f"There is no connector {name}. Run the DAG connectors with action deploy."
        )
    elif found.failed:
        yield Breach(
            Kind.CONNECTOR_FAILED,
            name,
            f"Connector {name} has failed: {'; '.join(found.trace)}. Correct that, then run the DAG connectors with "
            f"action restart.",
        )
    elif not found.running:
        tasks = ", ".join(found.tasks) or "none"
        yield Breach(
            Kind.CONNECTOR_NOT_RUNNING,
            name,
            f"Connector {name} is {found.state}, its tasks: {tasks}. Run the DAG connectors with action resume.",
        )


def _is_late(delay: Delay, allowed_s: float) -> bool:
    return not delay.reached or delay.ms > allowed_s * 1000


def _took(delay: Delay) -> str:
    """Say how long a marker took."""
    if delay.reached:
        return f"took {delay.ms / 1000:.1f} s"
    return f"has waited {delay.ms / 1000:.0f} s in vain" + (f" ({delay.problem})" if delay.problem else "")
