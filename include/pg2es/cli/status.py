"""`pg2es status` and `pg2es watch`: what the monitor sees."""

import time
from typing import Any

import orjson
from rich.table import Table
from rich.text import Text

from pg2es.cli.console import err, out
from pg2es.core.config import Project
from pg2es.core.monitoring import (
    Breach,
    ConnectorStatus,
    Delay,
    PipelineStatus,
    Slot,
    SourceStatus,
    Status,
    judge,
)
from pg2es.core.reports import ReportKind
from pg2es.services.clients import Clients
from pg2es.services.monitoring import look

WATCH_PAUSE_S = 5
WATCHDOG_EVERY_S = 60


def status(project: Project, *, json: bool, watch: bool) -> bool:
    """Print what is seen, with `watch` again and again, and return whether nothing is wrong."""
    clients, before = Clients(project), None
    while True:
        with err.status("Looking …"):
            seen = look(clients, before)
        breaches = judge(project, seen)
        if watch and not json:
            out.clear()
        if json:
            out.out(orjson.dumps({**seen.to_json(), "breaches": breaches}).decode(), highlight=False)
        else:
            show(seen, breaches)
        if not watch:
            return not breaches
        before = seen.counters
        time.sleep(WATCH_PAUSE_S)


def watch(project: Project) -> None:
    """Look each minute and return once something is wrong, which is printed."""
    clients, before = Clients(project), None
    while True:
        started = time.monotonic()
        seen = look(clients, before)
        if breaches := judge(project, seen):
            _show_breaches(breaches)
            return
        before = seen.counters
        time.sleep(max(0, started + WATCHDOG_EVERY_S - time.monotonic()))


def show(seen: Status, breaches: list[Breach]) -> None:
    """Print a look: the servers in a line, a table of sources and one of pipelines, what is wrong."""
    out.print(Text(_say_servers(seen)))
    _show_table(
        ("source", "connector", "slot", "WAL kept", "unconfirmed", "lag", "dead letters"),
        map(_source_row, seen.sources),
    )
    _show_table(
        ("pipeline", "index", "sink", "behind", "fresh", "writes", "reconciled"),
        map(_pipeline_row, seen.pipelines),
    )
    _show_breaches(breaches)
    if not breaches:
        out.print(Text("Nothing is wrong.", style="green"))


def _say_servers(seen: Status) -> str:
    up = sum(problem is None for problem in seen.workers.values())
    parts = [f"Kafka Connect: {up} of {len(seen.workers)} workers" if seen.sees_connectors else "Kafka Connect: ?"]
    parts.append(f"Kafka: {seen.brokers} brokers" if seen.brokers else "Kafka: ?")
    if seen.elasticsearch is None:
        return "; ".join([*parts, "Elasticsearch: ?"])
    nodes = (
        f"{node.name} heap {node.heap_percent}%, {_megabytes(node.disk_free_bytes)} free, "
        f"{seen.rejections.get(node.name, 0):,} rejections"
        for node in seen.elasticsearch.nodes
    )
    return "; ".join([*parts, f"Elasticsearch: {seen.elasticsearch.health}", *nodes])


def _source_row(source: SourceStatus) -> tuple[str, ...]:
    slot = source.slot
    return (
        source.name,
        _state(source.connector),
        _slot(slot),
        _megabytes(slot.retained_bytes if slot else None),
        _megabytes(slot.lag_bytes if slot else None),
        _delay(source.lag),
        _number(source.dead_letters),
    )


def _pipeline_row(pipeline: PipelineStatus) -> tuple[str, ...]:
    indexing, last = pipeline.indexing, pipeline.runs.get(ReportKind.RECONCILE)
    return (
        pipeline.name,
        pipeline.index or "-",
        _state(pipeline.sinks.get(pipeline.sink or "")),
        _number(None if pipeline.lag is None else sum(pipeline.lag.values())),
        _delay(pipeline.freshness),
        f"{indexing.per_s:,.1f}/s" if indexing else "-",
        f"{last.outcome} {last.at:%m-%d %H:%M}" if last else "-",
    )


def _show_table(headings: tuple[str, ...], rows: Any) -> None:
    table = Table(box=None, pad_edge=False, collapse_padding=True)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    out.print(table)


def _show_breaches(breaches: list[Breach]) -> None:
    for breach in breaches:
        out.print(Text.assemble((breach.kind, "bold red"), f" {breach.about}: {breach.sentence}"))


def _state(connector: ConnectorStatus | None) -> str:
    if connector is None:
        return "-"
    return "RUNNING" if connector.running else f"{connector.state} ({', '.join(connector.tasks) or 'no task'})"


def _slot(slot: Slot | None) -> str:
    if slot is None:
        return "-"
    return slot.lost or ("made anew" if slot.recreated else "active" if slot.active else "inactive")


def _delay(delay: Delay | None) -> str:
    return "-" if delay is None else f"{delay.ms:,} ms" if delay.reached else f"over {delay.ms:,} ms"


def _megabytes(size: int | None) -> str:
    return "-" if size is None else f"{size / 1024 / 1024:,.1f} MiB"


def _number(count: int | None) -> str:
    return "-" if count is None else f"{count:,}"
