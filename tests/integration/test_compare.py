"""Comparison of every root: finds what was planted, and nothing else."""

import pytest

from pg2es.core.drift import Drift
from pg2es.services.drift import compare, suspects
from tests.integration.compared import ROWS, Compared, add_books, keep_changing
from tests.support import Database, ProjectFolder


@pytest.fixture(scope="module")
def compared(module_folder: tuple[ProjectFolder, Database]) -> Compared:
    """A pipeline that was backfilled."""
    return add_books(*module_folder, compare)


def test_what_was_planted_is_found_and_nothing_else(compared: Compared) -> None:
    clean = compared.compare()
    assert clean.clean
    assert clean.equal == ROWS

    compared.delete(1)
    old = compared.stored("2")
    compared.database.execute("UPDATE public.books SET pages = 1000 WHERE id = 2")
    compared.pass_barrier()
    compared.store("2", old)
    compared.store("90001", compared.stored("3"))  # intact, but of no row
    compared.store("4", compared.stored("4").replace("title 4", "Title 4"))
    compared.change_mark("5", None)
    compared.store("90002", '{"id":90002}')  # somebody's own document
    compared.change_mark("6", lambda mark: {**mark, "bucket": mark["bucket"] ^ 1})
    compared.store("7", compared.stored("7").replace('"title 7"', '"title 7" '))  # the same value in other bytes

    found = compared.compare()
    assert {kind: sorted(ids) for kind, ids in found.samples.items()} == {
        Drift.MISSING: ["1"],
        Drift.STALE: ["2", "6"],
        Drift.EXTRA: ["90001"],
        Drift.ALTERED: ["4", "5", "7", "90002"],
    }
    assert found.counts == {kind: len(ids) for kind, ids in found.samples.items()}
    assert found.equal == ROWS - 6
    assert found.in_flight == 0

    compared.repair()
    compared.check_equal()


def test_drift_at_large_is_counted(compared: Compared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspects, "JUDGED", 5)
    compared.delete(*range(101, 201))
    found = compared.compare()
    assert (found.counts[Drift.MISSING], found.unjudged) == (5, 95)
    assert (found.drifted, found.equal) == (100, ROWS - 100)
    compared.repair()


def test_changes_on_their_way_are_no_drift(compared: Compared) -> None:
    with keep_changing(compared.database):
        found = compared.compare()
    assert found.drifted == 0, found.samples
    assert found.equal >= ROWS - 60
    compared.check_equal()
