"""The demo's own settings and what it shows."""

from io import StringIO

import pytest
from rich.console import Console

from demo.data import Sample
from demo.errors import DemoError
from demo.results import PipelineResult, Results, StreamResult
from demo.screen import Screen
from pg2es.core.drift import Comparison, Drift


def make_results(**counts: int) -> Results:
    comparison = Comparison("orders", "orders-000001", equal=1_000)
    for kind, count in counts.items():
        comparison.ids[Drift(kind)] = [str(number) for number in range(count)]
    pipeline = PipelineResult("orders", rows=1_000, seconds=0.5, docs_per_s=2_000, comparison=comparison)
    return Results((pipeline,), StreamResult(changed_rows=50, changes_per_s=100, records_behind=7, latency_s=0.25))


def show(results: Results) -> str:
    shown = StringIO()
    Screen(Console(width=120, file=shown)).show_results(results)
    return shown.getvalue()


def test_the_sample_has_200_000_orders() -> None:
    assert Sample.from_environment({}).orders == 200_000


def test_the_environment_says_how_many_orders() -> None:
    assert Sample.from_environment({"DEMO_ORDERS": "500"}).orders == 500


@pytest.mark.parametrize("wanted", ["", "0", "-1", "many", "1e6", "2.5"])
def test_what_is_no_number_of_orders_is_refused(wanted: str) -> None:
    with pytest.raises(DemoError, match="it is the number of orders, 1 or more"):
        Sample.from_environment({"DEMO_ORDERS": wanted})


def test_equal_sides_are_verified() -> None:
    results = make_results()
    assert results.verified
    shown = show(results)
    assert "verified: every document equals its row" in shown
    assert "2,000" in shown
    assert "0.25 s" in shown


def test_drift_is_not_verified_and_named() -> None:
    results = make_results(missing=2, altered=1)
    assert not results.verified
    shown = show(results)
    assert "not verified: documents differ from their rows" in shown
    assert "orders-000001: 2 missing: 0, 1" in shown
    assert "orders-000001: 1 altered: 0" in shown


def test_what_still_changes_is_not_verified() -> None:
    results = make_results()
    results.pipelines[0].comparison.in_flight = 3
    assert not results.verified
    assert "3 still changed while they were compared" in show(results)
