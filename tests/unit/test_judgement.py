"""Judgement: each thing that can be seen to be wrong is one breach, and a healthy look has none."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pg2es.core.config import Project
from pg2es.core.monitoring import (
    Breach,
    Cluster,
    ConnectorStatus,
    Counters,
    Delay,
    Kind,
    Node,
    PipelineStatus,
    Run,
    Slot,
    SourceStatus,
    judge,
)
from pg2es.core.monitoring.status import Indexing
from tests.unit.looks import AT, FAILED, HEALTHY, MIB, PAUSED, PIPELINE, RUNNING, SINK, SOURCE


def test_a_healthy_look(project: Project) -> None:
    assert judge(project, HEALTHY) == []


SERVERS: list[tuple[dict[str, Any], Kind, str]] = [
    ({"workers": {"http://a": None, "http://b": "refused"}}, Kind.WORKER_DOWN, "does not answer (refused). Start it"),
    ({"elasticsearch": Cluster("red", ())}, Kind.CLUSTER_RED, "GET _cluster/allocation/explain"),
    ({"elasticsearch": Cluster("green", (Node("n1", 91, 9, 3),))}, Kind.HEAP, "91% of its heap, 90% are allowed"),
    (
        {"elasticsearch": Cluster("green", (Node("n1", 9, 2 * MIB, 3 * MIB),))},
        Kind.DISK,
        "2 MiB of disk left, below its low watermark of 3 MiB",
    ),
    ({"rejections": {"n1": 3}}, Kind.REJECTIONS, "refused 3 bulk requests since the look before, 0 are allowed"),
]


@pytest.mark.parametrize(("changes", "kind", "sentence"), SERVERS)
def test_servers(project: Project, changes: dict[str, Any], kind: Kind, sentence: str) -> None:
    assert_one(judge(project, replace(HEALTHY, **changes)), kind, sentence)


SOURCES: list[tuple[dict[str, Any], Kind, str]] = [
    ({"connector": None}, Kind.CONNECTOR_MISSING, "There is no connector pg2es-source-shop. Run the DAG connectors"),
    ({"connector": FAILED}, Kind.CONNECTOR_FAILED, "has failed: ConnectException: the table is gone. Correct that"),
    ({"connector": PAUSED}, Kind.CONNECTOR_NOT_RUNNING, "is PAUSED, its tasks: PAUSED. Run the DAG connectors"),
    ({"connector": ConnectorStatus("RUNNING", (), ())}, Kind.CONNECTOR_NOT_RUNNING, "its tasks: none"),
    ({"slot": None}, Kind.SLOT_MISSING, "is gone: changes are lost to the stream. Run the DAG recover_shop."),
    ({"slot": Slot(False, 0, 0, "wal_removed")}, Kind.SLOT_LOST, "has lost WAL that it needs (wal_removed)"),
    (
        {"slot": Slot(True, 0, 0, recreated="it is no failover slot")},
        Kind.SLOT_RECREATED,
        "was made anew (it is no failover slot): what changed before is lost to the stream. Run the DAG recover_shop.",
    ),
    ({"slot": Slot(True, 0, 0, unreserved=True)}, Kind.SLOT_UNRESERVED, "may remove WAL that slot pg2es_shop needs"),
    ({"slot": Slot(False, 0, 0)}, Kind.SLOT_INACTIVE, "Nobody reads slot pg2es_shop while connector"),
    ({"slot": Slot(True, 5121 * MIB, 0)}, Kind.WAL_RETAINED, "keeps 5,121 MiB of WAL for slot pg2es_shop, 5,120 are"),
    ({"lag": Delay(30_400, False)}, Kind.SOURCE_STALLED, "has waited 30 s in vain to be safe in Kafka, 30 s are"),
    ({"lag": Delay(31_000, True)}, Kind.SOURCE_STALLED, "took 31.0 s to be safe"),
    ({"dead_letters": 1}, Kind.DEAD_LETTERS, "`pg2es replay shop --list` says why"),
]


@pytest.mark.parametrize(("changes", "kind", "sentence"), SOURCES)
def test_sources(project: Project, changes: dict[str, Any], kind: Kind, sentence: str) -> None:
    assert_one(judge(project, replace(HEALTHY, sources=(replace(SOURCE, **changes),))), kind, sentence)


PIPELINES: list[tuple[dict[str, Any], Kind, str]] = [
    ({"sinks": {}}, Kind.CONNECTOR_MISSING, f"There is no connector {SINK}"),
    ({"sinks": {SINK: FAILED}}, Kind.CONNECTOR_FAILED, f"Connector {SINK} has failed"),
    ({"sinks": {SINK: RUNNING, f"{SINK[:-1]}1": PAUSED}}, Kind.CONNECTOR_NOT_RUNNING, "orders-000001 is PAUSED"),
    (
        {"freshness": Delay(45_100, False)},
        Kind.SINK_STALLED,
        "searchable in orders-000002, 45 s are allowed, while",
    ),
    ({"freshness": Delay(45_100, False, "Kafka: no")}, Kind.SINK_STALLED, "has waited 45 s in vain (Kafka: no) to be"),
    ({"lag": {"t-0": 60_000, "t-1": 60_000}}, Kind.SINK_LAG, "is 120,000 records behind, 100,000 are allowed"),
    ({"gap": AT}, Kind.GAP, "orders-000002 may lack what changed before 2026-01-02 12:00 UTC: its stream began anew"),
    ({"problems": ("table public.orders: It is unlogged.",)}, Kind.BROKEN, "table public.orders: It is unlogged."),
    ({"runs": {"reconcile": Run(AT, "drift", "3 differ.")}}, Kind.DRIFT, "of 2026-01-02 12:00 UTC: 3 differ."),
    (
        {"runs": {"reconcile": Run(AT - timedelta(hours=4), "equal", "")}},
        Kind.RECONCILE_OVERDUE,
        "since 2026-01-02 08:00 UTC, though it should be every 1 h. Unpause the DAG reconcile_orders",
    ),
    ({"runs": {"backfill": Run(AT - timedelta(hours=4), None, "")}}, Kind.RECONCILE_OVERDUE, "since 2026-01-02 08:00"),
]


@pytest.mark.parametrize(("changes", "kind", "sentence"), PIPELINES)
def test_pipelines(project: Project, changes: dict[str, Any], kind: Kind, sentence: str) -> None:
    assert_one(judge(project, replace(HEALTHY, pipelines=(replace(PIPELINE, **changes),))), kind, sentence)


def test_before_the_first_backfill_nothing_is_missing(project: Project) -> None:
    source = SourceStatus("shop", False, None, None, None, 0)
    pipeline = PipelineStatus("orders", None, None, {}, None, None, None, {})
    assert judge(project, replace(HEALTHY, sources=(source,), pipelines=(pipeline,))) == []


def test_what_could_not_be_seen_is_not_missing(project: Project) -> None:
    down = Breach(Kind.UNREACHABLE, "Kafka Connect", "No worker could answer.")
    seen = replace(
        HEALTHY,
        failures=(down,),
        workers={},
        elasticsearch=None,
        sees_connectors=False,
        sees_slots=frozenset(),
        sources=(replace(SOURCE, connector=None, slot=None, lag=None, dead_letters=None),),
        pipelines=(replace(PIPELINE, sinks={}, lag=None, freshness=None),),
    )
    assert judge(project, seen) == [down]
    assert str(down) == "unreachable Kafka Connect: No worker could answer."


def test_rates_are_between_two_looks() -> None:
    before = Counters(100.0, {"n1": 7, "n2": 50}, {"orders-000002": (1_000, 400), "old-000001": (5, 5)})
    now = Counters(110.0, {"n1": 9, "n2": 2, "n3": 4}, {"orders-000002": (1_500, 900), "new-000001": (1, 1)})
    assert now.rejections_since(before) == {"n1": 2, "n2": 2, "n3": 4}  # n2 was restarted
    assert now.indexing_since(before, "orders-000002") == Indexing(50.0, 1.0)
    assert now.indexing_since(before, "new-000001") is None
    assert now.indexing_since(now, "orders-000002") is None
    later = replace(before, at=120.0)
    assert later.indexing_since(before, "orders-000002") == Indexing(0.0, None)


def assert_one(breaches: list[Breach], kind: Kind, sentence: str) -> None:
    [breach] = breaches
    assert breach.kind is kind
    assert sentence in breach.sentence
