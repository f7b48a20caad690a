"""Samples of a look: what is kept for charts, how it becomes points, and when it goes."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from pg2es.core.config import Project
from pg2es.core.monitoring import (
    FIGURES,
    Breach,
    Counters,
    Delay,
    Kind,
    Size,
    Subject,
    day_index,
    day_index_body,
    find_outdated,
    interval_s,
    to_samples,
)
from pg2es.core.monitoring.status import Indexing
from tests.unit.looks import HEALTHY, PIPELINE, SINK


def test_a_look_becomes_a_document_for_itself_and_one_for_each_source_and_pipeline(project: Project) -> None:
    seen = replace(
        HEALTHY,
        pipelines=(replace(PIPELINE, lag={"a-0": 2, "a-1": 3}, indexing=Indexing(12.5, 0.25)),),
        counters=Counters(1.0, {}, {}),
    )
    look, source, pipeline = to_samples(project, seen, [], {"orders": Size(100, 99)})
    assert (look["subject"], look["name"]) == (Subject.LOOK, "")
    assert look["seen"]["sizes"] == {"orders": {"documents": 100, "rows": 99}}
    assert "counters" not in look["seen"]
    assert source == {
        "at": HEALTHY.at.isoformat(), "subject": Subject.SOURCE, "name": "shop", "lag_ms": 900, "stalled": 0,
        "lag_bytes": 10, "retained_bytes": 100 * 1024 * 1024, "dead_letters": 0, "breaches": 0,
    }  # fmt: skip
    assert pipeline == {
        "at": HEALTHY.at.isoformat(), "subject": Subject.PIPELINE, "name": "orders", "docs_per_s": 12.5,
        "latency_ms": 0.25, "behind": 5, "freshness_ms": 2_000, "stalled": 0, "documents": 100, "rows": 99,
        "breaches": 0,
    }  # fmt: skip


def test_what_was_not_seen_is_none_and_not_zero(project: Project) -> None:
    unseen = replace(PIPELINE, lag=None, freshness=None, indexing=None)
    _, _, pipeline = to_samples(project, replace(HEALTHY, pipelines=(unseen,)), [], {})
    assert {pipeline[name] for name in FIGURES[Subject.PIPELINE] if name != "breaches"} == {None}


def test_a_marker_that_did_not_come_is_a_stall(project: Project) -> None:
    stalled = replace(PIPELINE, freshness=Delay(45_000, reached=False))
    _, _, pipeline = to_samples(project, replace(HEALTHY, pipelines=(stalled,)), [], {})
    assert (pipeline["freshness_ms"], pipeline["stalled"]) == (45_000, 1)


@pytest.mark.parametrize(
    ("about", "source", "pipeline"),
    [
        ("orders", 0, 1),
        (SINK, 0, 1),
        ("shop", 1, 1),
        ("pg2es-source-shop", 1, 1),
        ("PostgreSQL of shop", 1, 1),
        ("Elasticsearch", 0, 0),
        ("orders-items", 0, 0),
    ],
)
def test_whom_a_breach_concerns(project: Project, about: str, source: int, pipeline: int) -> None:
    breaches = [Breach(Kind.CONNECTOR_FAILED, about, "It fails.")]
    samples = to_samples(project, HEALTHY, breaches, {})
    assert [sample.get("breaches") for sample in samples] == [None, source, pipeline]
    assert samples[0]["seen"]["breaches"] == [{"kind": "connector_failed", "about": about, "sentence": "It fails."}]


def test_the_mapping_has_every_field_of_a_sample(project: Project) -> None:
    known = day_index_body()["mappings"]["properties"].keys()
    for sample in to_samples(project, HEALTHY, [], {}):
        assert sample.keys() <= known


def test_days_that_are_over_go() -> None:
    today = date(2026, 3, 2)
    names = [day_index(today - timedelta(days=days)) for days in range(-1, 5)]
    others = ["pg2es-history-2020", "pg2es-historyx2020.01.01", "pg2es-reports"]
    assert find_outdated([*names, *others], today, 2) == ["pg2es-history-2026.02.26", "pg2es-history-2026.02.27"]


@pytest.mark.parametrize(
    ("span", "points", "seconds"),
    [(timedelta(hours=1), 120, 60), (timedelta(hours=24), 120, 720), (timedelta(seconds=7201), 10, 721)],
)
def test_points_are_bounded_and_never_closer_than_looks(span: timedelta, points: int, seconds: int) -> None:
    assert interval_s(span, points) == seconds
