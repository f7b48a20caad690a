"""Metrics: every figure of a look leaves under a name that is documented, and whose it is stands in the labels."""

import re
from dataclasses import replace
from datetime import UTC, datetime

from pg2es.core.config import Project
from pg2es.core.monitoring import MEANINGS, Breach, ConnectorStatus, Counters, Delay, Kind, Metric, Run, Slot, measure
from pg2es.core.monitoring.status import Indexing
from tests.support import CHECKOUT
from tests.unit.looks import HEALTHY, PIPELINE, SINK, SOURCE

AT = datetime(2026, 1, 2, tzinfo=UTC)
BREACH = Breach(Kind.DRIFT, "orders", "Three differ.")
FULL = replace(
    HEALTHY,
    workers={"http://a": None, "http://b": "refused"},
    sources=(replace(SOURCE, slot=Slot(False, 2048, 10, "wal_removed"), lag=Delay(900, True), dead_letters=2),),
    pipelines=(
        replace(
            PIPELINE,
            lag={"shop.public.orders-0": 5, "shop.public.orders-items-11": 7},
            freshness=Delay(45_100, False),
            indexing=Indexing(50.0, 2.0),
            sinks={SINK: ConnectorStatus("RUNNING", ("RUNNING", "FAILED", "FAILED"), ())},
            runs={"reconcile": Run(AT, "drift", "", {"missing": 3, "stale": 0}), "backfill": Run(AT, None, "")},
        ),
    ),
    counters=Counters(1.0, {"n1": 9}, {}),
)


def test_every_figure_of_a_look(project: Project) -> None:
    def figures(name: str) -> dict[tuple[str, ...], float]:
        return {tuple(metric.labels.values()): metric.value for metric in found if metric.name == name}

    found = measure(project, FULL, [BREACH])
    assert {metric.name for metric in found} == MEANINGS.keys()
    assert len({(metric.name, *sorted(metric.labels.items())) for metric in found}) == len(found), "each once"

    assert figures("look_timestamp_seconds") == {(): FULL.at.timestamp()}
    assert figures("look_duration_seconds") == {(): 2.5}
    assert figures("breach") == {("drift", "orders"): 1}
    assert figures("breaches") == {(kind.value,): int(kind is Kind.DRIFT) for kind in Kind}
    assert figures("connect_worker_up") == {("http://a",): 1, ("http://b",): 0}
    assert figures("elasticsearch_health") == {("green",): 1, ("yellow",): 0, ("red",): 0}
    assert figures("elasticsearch_heap_ratio") == {("n1",): 0.6}
    assert figures("elasticsearch_rejections_total") == {("n1",): 9}
    assert figures("connector_running") == {("shop", "pg2es-source-shop"): 1, ("orders", SINK): 0}
    assert figures("connector_state")["orders", SINK, "RUNNING"] == 1
    assert figures("connector_tasks")["orders", SINK, "FAILED"] == 2
    assert figures("connector_tasks")["orders", SINK, "PAUSED"] == 0
    assert figures("slot_active") == {("shop",): 0}
    assert figures("slot_lost") == {("shop",): 1}
    assert figures("slot_retained_wal_bytes") == {("shop",): 2048}
    assert figures("source_lag_bytes") == {("shop",): 10}
    assert figures("source_lag_seconds") == {("shop",): 0.9}
    assert figures("source_marker_reached") == {("shop",): 1}
    assert figures("source_dead_letters") == {("shop",): 2}
    assert figures("pipeline_live") == {("orders", "orders-000002"): 1}
    assert figures("pipeline_freshness_seconds") == {("orders",): 45.1}
    assert figures("pipeline_marker_reached") == {("orders",): 0}
    assert figures("pipeline_indexing_per_second") == {("orders",): 50}
    assert figures("pipeline_indexing_latency_seconds") == {("orders",): 0.002}
    assert figures("pipeline_run_timestamp_seconds")["orders", "backfill"] == AT.timestamp()
    assert figures("pipeline_reconcile_outcome")["orders", "drift"] == 1
    assert figures("pipeline_reconcile_outcome")["orders", "equal"] == 0
    assert figures("pipeline_drift_documents") == {("orders", "missing"): 3, ("orders", "stale"): 0}
    assert figures("sink_lag_records") == {
        ("orders", "shop.public.orders", "0"): 5,
        ("orders", "shop.public.orders-items", "11"): 7,
    }


def test_the_page_has_every_figure_with_its_labels(project: Project) -> None:
    page = (CHECKOUT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    labels: dict[str, set[str]] = {}
    for metric in measure(project, FULL, [BREACH]):
        labels.setdefault(metric.name, set()).update(metric.labels)
    rows = re.findall(r"^\| `(\w+)` \|([^|]*)\| ([A-Z1][^|]*\.) \|$", page, re.MULTILINE)
    assert {name: set(re.findall(r"\w+", found)) for name, found, meaning in rows if name in MEANINGS} == labels
    assert {name: meaning for name, _, meaning in rows if name in MEANINGS} == MEANINGS


def test_what_could_not_be_seen_has_no_figure(project: Project) -> None:
    seen = replace(
        HEALTHY,
        workers={},
        brokers=None,
        elasticsearch=None,
        sources=(replace(SOURCE, connector=None, slot=None, lag=None, dead_letters=None),),
        pipelines=(replace(PIPELINE, index=None, sinks={}, lag=None, freshness=None, runs={}),),
    )
    found = measure(project, seen, [])
    assert {metric.name for metric in found} == {"look_timestamp_seconds", "look_duration_seconds", "breaches"}
    assert Metric("breaches", {"kind": "drift"}, 0) in found
