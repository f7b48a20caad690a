"""What the console shows, made from a look that was kept."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest

from pg2es.core.config import Project
from pg2es.core.monitoring import Breach, Kind, Size, Status, to_samples
from pg2es_airflow.console.shapes import Health, shape_overview, shape_pipeline, shape_report
from tests.unit.looks import AT, HEALTHY, PIPELINE, SINK

NOW = AT + timedelta(seconds=40)


def keep(project: Project, status: Status, *breaches: Breach) -> dict[str, Any]:
    """Return a look as it comes back from Elasticsearch."""
    look = to_samples(project, status, list(breaches), {"orders": Size(100, 99)})[0]
    return dict(json.loads(orjson.dumps(look["seen"])))


def shape(project: Project, seen: dict[str, Any] | None, now: datetime = NOW) -> dict[str, Any]:
    return shape_pipeline(project, project.pipeline("orders"), seen, now)


def test_a_healthy_pipeline(project: Project) -> None:
    found = shape(project, keep(project, HEALTHY))
    assert found["health"] is Health.HEALTHY
    assert found["freshness"] == {"ms": 2000, "reached": True, "problem": ""}
    figures = {"index": "orders-000002", "behind": 5, "documents": 100, "rows": 99, "dead_letters": 0}
    assert found.items() >= figures.items()
    assert found["reconcile"]["outcome"] == "equal"


@pytest.mark.parametrize("about", ["orders", SINK, "shop", "pg2es-source-shop", "PostgreSQL of shop"])
def test_a_breach_of_it_or_its_source_breaks_it(project: Project, about: str) -> None:
    found = shape(project, keep(project, HEALTHY, Breach(Kind.CONNECTOR_FAILED, about, "It fails.")))
    assert found["health"] is Health.BROKEN
    assert [breach["about"] for breach in found["breaches"]] == [about]


def test_a_breach_of_another_does_not(project: Project) -> None:
    found = shape(project, keep(project, HEALTHY, Breach(Kind.SINK_LAG, "customers", "It lags.")))
    assert (found["health"], found["breaches"]) == (Health.HEALTHY, [])


def test_a_server_that_was_not_seen_leaves_it_unknown(project: Project) -> None:
    seen = keep(project, HEALTHY, Breach(Kind.UNREACHABLE, "Kafka", "It is down."))
    assert shape(project, seen)["health"] is Health.UNKNOWN
    heap = keep(project, HEALTHY, Breach(Kind.HEAP, "Kafka", "It is full."))
    assert shape(project, heap)["health"] is Health.HEALTHY


def test_no_look_or_an_old_one_says_nothing(project: Project) -> None:
    assert shape(project, None)["health"] is Health.UNKNOWN
    seen = keep(project, HEALTHY)
    assert shape(project, seen, AT + timedelta(minutes=3))["health"] is Health.HEALTHY
    assert shape(project, seen, AT + timedelta(minutes=3, seconds=1))["health"] is Health.UNKNOWN
    assert shape_overview(project, seen, {}, AT + timedelta(minutes=3, seconds=1))["stale"]
    assert shape_overview(project, None, {}, AT)["stale"]


def test_before_the_first_backfill_it_is_new(project: Project) -> None:
    seen = keep(project, replace(HEALTHY, pipelines=(replace(PIPELINE, index=None, sink=None, sinks={}),)))
    assert shape(project, seen)["health"] is Health.NEW


def test_a_pipeline_that_the_look_does_not_know_is_unknown(project: Project) -> None:
    assert shape(project, keep(project, replace(HEALTHY, pipelines=())))["health"] is Health.UNKNOWN


def test_the_overview_names_servers_and_what_was_not_seen(project: Project) -> None:
    seen = shape_overview(project, keep(project, HEALTHY), {"orders": [{"at": "x"}]}, NOW)
    assert (seen["age_s"], seen["stale"]) == (40, False)
    assert seen["servers"]["workers"] == {"http://a": None, "http://b": None}
    assert [source["name"] for source in seen["sources"]] == ["shop"]
    assert [pipeline["strip"] for pipeline in seen["pipelines"]] == [[{"at": "x"}]]
    hidden = shape_overview(project, keep(project, replace(HEALTHY, sees_connectors=False)), {}, NOW)
    assert hidden["servers"]["workers"] is None


def test_a_report_keeps_its_counts(project: Project) -> None:
    report = {"at": "x", "kind": "reconcile", "outcome": "drift", "text": "t", "pipeline": "orders"}
    details = {"counts": {"stale": 3}, "seconds": 1.5, "samples": {"stale": ["secret"]}}
    assert shape_report(report | {"details": details}) == {
        "at": "x", "kind": "reconcile", "outcome": "drift", "text": "t", "counts": {"stale": 3}, "seconds": 1.5,
    }  # fmt: skip
    assert shape_report(report)["counts"] is None
