"""Comparison by digests: finds what was planted, and nothing else, and reads little to do so."""

from collections.abc import Iterator

import pytest

from pg2es.adapters.elasticsearch import digests as adapter
from pg2es.adapters.elasticsearch import sum_digests
from pg2es.adapters.postgres import Session
from pg2es.core.drift import Drift
from pg2es.core.sql import BUCKETS, DocumentSql
from pg2es.services.drift import compare, compare_digests, suspects
from pg2es.services.tables import read_tables
from tests.integration.compared import ROWS, Compared, add_books, keep_changing
from tests.support import Database, ProjectFolder


@pytest.fixture(scope="module")
def compared(module_folder: tuple[ProjectFolder, Database]) -> Compared:
    """A pipeline that was backfilled."""
    return add_books(*module_folder, compare_digests)


def test_what_was_planted_is_found_and_nothing_else(compared: Compared) -> None:
    clean = compared.compare()
    assert (clean.clean, clean.equal) == (True, ROWS)

    compared.delete(1)
    old = compared.stored("2")
    compared.database.execute("UPDATE public.books SET pages = 1000 WHERE id = 2")
    compared.pass_barrier()
    compared.store("2", old)
    compared.store("90001", compared.stored("3"))  # intact, but of no row
    compared.change_mark("4", None)
    compared.store("90002", '{"id":90002}')  # somebody's own document
    compared.change_mark("5", lambda mark: {**mark, "bucket": mark["bucket"] ^ 1})
    compared.change_mark("6", lambda mark: {**mark, "bucket": BUCKETS})
    compared.change_mark("7", lambda mark: {**mark, "bucket": None})
    compared.change_mark("8", lambda mark: {**mark, "d0": -1, "d1": -1})
    compared.change_mark("9", lambda mark: {**mark, "d0": mark["d0"] ^ 1})
    compared.change_mark("10", lambda mark: {**mark, "d1": None})
    compared.change_mark("11", lambda mark: {**mark, "d1": [mark["d1"], 1]})

    found = compared.compare()
    assert {kind: sorted(ids, key=int) for kind, ids in found.samples.items()} == {
        Drift.MISSING: ["1"],
        Drift.STALE: ["2", "5", "6"],
        Drift.EXTRA: ["90001"],
        Drift.ALTERED: ["4", "7", "8", "9", "10", "11", "90002"],
    }
    assert found.counts == {kind: len(ids) for kind, ids in found.samples.items()}
    assert (found.equal, found.in_flight) == (ROWS - 10, 0)
    assert found == compare(compared.clients, compared.pipeline, compared.generation)

    compared.repair()
    compared.check_equal()


def test_an_alteration_that_keeps_the_mark_is_found_byte_for_byte_only(compared: Compared) -> None:
    compared.store("4", compared.stored("4").replace("title 4", "Title 4"))
    assert compared.compare().clean
    assert compare(compared.clients, compared.pipeline, compared.generation).samples[Drift.ALTERED] == ["4"]
    compared.repair()


def test_drift_at_large_is_counted_in_pages(compared: Compared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspects, "JUDGED", 5)
    monkeypatch.setattr(adapter, "PAGE", 7)
    monkeypatch.setattr(adapter, "BUCKETS_AT_ONCE", 1_000)
    compared.delete(*range(101, 201))
    compared.change_mark("201", lambda mark: {**mark, "d0": mark["d0"] ^ 1})
    for identifier in range(203, 213):
        compared.change_mark(str(identifier), lambda mark: {**mark, "d0": None})
    found = compared.compare()
    assert (found.unjudged, found.drifted, found.equal) == (106, 111, ROWS - 111)
    compared.repair()


def test_an_index_that_lost_everything(compared: Compared) -> None:
    compared.delete(*range(1, ROWS + 1))
    found = compared.compare()
    assert (found.counts[Drift.MISSING], found.equal) == (ROWS, 0)
    compared.repair()


def test_changes_on_their_way_are_no_drift(compared: Compared) -> None:
    with keep_changing(compared.database):
        found = compared.compare()
    assert found.drifted == 0, found.samples
    assert found.equal >= ROWS - 60
    compared.check_equal()


def test_a_composite_key(compared: Compared, module_folder: tuple[ProjectFolder, Database]) -> None:
    folder, database = module_folder
    database.execute(
        "CREATE TABLE public.pages (book text, number int, content text, PRIMARY KEY (book, number))",
        "INSERT INTO public.pages SELECT 'b\",\"' || n % 5, n, 'page ' || n FROM generate_series(1, 500) n",
    )
    folder.add_pipeline("pages", "public.pages", document="SELECT p.*, length(content) AS long FROM root p")
    pages = Compared(folder, database, "pages", compare_digests)
    clean = pages.compare()
    assert (clean.clean, clean.equal) == (True, 500)
    identifier = '["b\\",\\"3", "8"]'
    pages.change_mark(identifier, lambda mark: {**mark, "d0": 1})
    found = pages.compare()
    assert (found.samples[Drift.ALTERED], found.drifted, found.equal) == ([identifier], 1, 499)


def test_an_empty_table(compared: Compared, module_folder: tuple[ProjectFolder, Database]) -> None:
    folder, database = module_folder
    database.execute("CREATE TABLE public.shelves (id int PRIMARY KEY)")
    folder.add_pipeline("shelves", "public.shelves")
    shelves = Compared(folder, database, "shelves", compare_digests)
    clean = shelves.compare()
    assert (clean.clean, clean.equal) == (True, 0)
    shelves.store("1", '{"id":1}')
    assert shelves.compare().samples[Drift.ALTERED] == ["1"]


class TestSums:
    @pytest.fixture
    def sql(self, compared: Compared) -> DocumentSql:
        with compared.clients.session(compared.clients.project.source_of(compared.pipeline)) as session:
            return read_tables(session, compared.pipeline).sql

    @pytest.fixture
    def session(self, compared: Compared) -> Iterator[Session]:
        with compared.clients.session(compared.clients.project.source_of(compared.pipeline)) as session:
            yield session

    def test_both_sides_give_the_same_over_all_pages(
        self, compared: Compared, session: Session, sql: DocumentSql
    ) -> None:
        stored = sum_digests(compared.clients.elasticsearch, compared.generation.index)
        assert {bucket // adapter.BUCKETS_AT_ONCE for bucket in stored} == set(range(8))
        assert {bucket: sums for bucket, *sums in session.execute(sql.sum_digests())} == {
            bucket: list(sums) for bucket, sums in stored.items()
        }

    def test_postgresql_may_share_the_work_among_workers(self, session: Session, sql: DocumentSql) -> None:
        for setting in ("parallel_setup_cost", "parallel_tuple_cost", "min_parallel_table_scan_size"):
            session.execute(f"SET {setting} = 0")
        summing = _explain(session, sql.sum_digests())
        assert "Partial HashAggregate" in summing
        assert "Parallel Seq Scan on books" in summing
        assert "Parallel Seq Scan on books" in _explain(session, sql.list_digests([1, 2, 3]))


def _explain(session: Session, statement: str) -> str:
    return "\n".join(line for (line,) in session.execute(f"EXPLAIN {statement}"))
