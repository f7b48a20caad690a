"""The reconcile DAG on the real scheduler, while eight writers are at work: it finds all drift, and nothing else."""

import csv
from pathlib import Path
from typing import Any

import pytest

from bench.planted import Planter
from pg2es.core.drift import Deep, Drift, Outcome
from pg2es.core.errors import AirflowError
from pg2es.core.reports import ReportKind
from pg2es.services.drift import reconcile
from pg2es.services.reports import read_last_report
from pg2es.services.stream import pass_barrier
from tests.e2e.ground import TIMEOUT_S, Ground
from tests.e2e.writers import AUTHORS, Writers

PLANTED = 200
RUNS = 20
FEW_RUNS = 3
QUIET_AUTHOR = AUTHORS + 1
"""No writer renames it, so nothing refreshes its notes by the way."""

FIRST = 1_000_000
NO_ROWS = 9_000_000
"""Ids that no writer comes to."""


@pytest.fixture(scope="module")
def planted(ground: Ground) -> dict[Drift, list[str]]:
    """Ids of notes to spoil, by kind; extra ones have no row."""
    last = FIRST + 3 * PLANTED - 1
    ground.database.execute(
        f"INSERT INTO public.authors VALUES ({QUIET_AUTHOR}, 'quiet')",
        "INSERT INTO public.notes (id, code, kind, title, author_id) "
        f"SELECT n, 'quiet-' || n, 'quiet', 'Title of ' || n, {QUIET_AUTHOR} FROM generate_series({FIRST}, {last}) n",
    )
    pass_barrier(ground.clients, ground.clients.project.pipeline(ground.notes), ground.live(ground.notes))
    starts = {
        Drift.MISSING: FIRST,
        Drift.STALE: FIRST + PLANTED,
        Drift.ALTERED: FIRST + 2 * PLANTED,
        Drift.EXTRA: NO_ROWS,
    }
    return {kind: [str(start + number) for number in range(PLANTED)] for kind, start in starts.items()}


def test_traffic_is_not_taken_for_drift(ground: Ground) -> None:
    check_traffic(ground, FEW_RUNS)


@pytest.mark.long
def test_traffic_is_never_taken_for_drift(ground: Ground) -> None:
    check_traffic(ground, RUNS)


def check_traffic(ground: Ground, count: int) -> None:
    clients, pipeline = ground.clients, ground.clients.project.pipeline(ground.notes)
    with Writers(ground.database, count=8) as writers:
        runs = [reconcile(clients, pipeline, deep=Deep.ALL, repair=True, max_repair_fraction=1.0) for _ in range(count)]
    writers.check()
    assert [str(run) for run in runs if run.found.drifted] == []
    assert {run.outcome for run in runs} == {Outcome.EQUAL}
    ground.check_equal(ground.notes)


def test_all_that_is_planted_is_found_and_repaired(ground: Ground, planted: dict[Drift, list[str]]) -> None:
    with Writers(ground.database, count=8) as writers:
        plant(ground, planted)
        run = ground.run(f"reconcile_{ground.notes}", {"deep": "all", "max_repair_fraction": 0.5})
        details = last_details(ground)
        again = reconcile(
            ground.clients,
            ground.clients.project.pipeline(ground.notes),
            deep=Deep.ALL,
            repair=False,
            max_repair_fraction=0,
        )
    writers.check()
    counts = details["counts"]
    assert {kind: counts[kind] for kind in Drift} == dict.fromkeys(Drift, PLANTED)
    assert counts["repaired"] == 4 * PLANTED
    note = ground.note_of(run)
    assert note.startswith("repaired: ")
    with Path(note.partition("All ids: ")[2]).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {(row["kind"], row["id"]) for row in rows} == {(kind, key) for kind, ids in planted.items() for key in ids}
    assert {row["differs"] for row in rows} == {"False"}

    assert again.outcome is Outcome.EQUAL, str(again)
    ground.check_equal(ground.notes)


def test_a_run_that_leaves_drift_fails_and_says_what_to_do(ground: Ground, planted: dict[Drift, list[str]]) -> None:
    planter(ground).delete(planted[Drift.MISSING])
    run = ground.airflow.trigger(f"reconcile_{ground.notes}", {"deep": "none", "max_repair_fraction": 0.001})
    with pytest.raises(AirflowError, match=f"task check: .*DAG reindex_{ground.notes}"):
        ground.airflow.wait([run], TIMEOUT_S)
    assert ground.states(run) == {"reconcile": "success", "check": "failed"}
    assert f"reindex_{ground.notes}" in ground.note_of(run)
    event = ground.last_asset_event(f"pg2es_{ground.notes}_reconciled")
    assert (event["outcome"], event["missing"]) == ("too_much", PLANTED)

    ground.run(f"reconcile_{ground.notes}", {"max_repair_fraction": 1})
    ground.check_equal(ground.notes)


def test_a_swap_is_followed_by_a_reconciliation(ground: Ground) -> None:
    known = ground.list_runs(f"reconcile_{ground.notes}")
    ground.reindex(ground.notes, force=True, keep_old_for=0)
    run = ground.wait_for_new_run(f"reconcile_{ground.notes}", known)
    assert run.run_id.startswith("asset_triggered")
    assert ground.note_of(run).startswith("equal: ")


def plant(ground: Ground, planted: dict[Drift, list[str]]) -> None:
    """Spoil the notes."""
    stale = planted[Drift.STALE]

    def change_rows() -> None:
        ground.database.execute(f"UPDATE public.notes SET title = 'newer' WHERE id BETWEEN {stale[0]} AND {stale[-1]}")
        pass_barrier(ground.clients, ground.clients.project.pipeline(ground.notes), ground.live(ground.notes))

    planter(ground).plant(planted, change_rows, ('"title":"Title', '"title":"Another'))


def planter(ground: Ground) -> Planter:
    """Return who spoils documents of the live generation."""
    return Planter(ground.clients.elasticsearch, ground.live(ground.notes).index)


def last_details(ground: Ground) -> dict[str, Any]:
    """Return the details of the last report."""
    report = read_last_report(ground.clients.elasticsearch, ReportKind.RECONCILE, ground.notes)
    assert report
    return dict(report["details"])
