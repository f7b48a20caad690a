"""Reconciliation finds what was planted, judges it rightly, and repairs it."""

import csv
import io
import json
from typing import Any

import pytest

from pg2es.adapters.elasticsearch import fetch_documents, probe_tombstones
from pg2es.core.drift import Deep, Drift, Outcome, Reconciliation
from pg2es.core.errors import DriftFound
from pg2es.core.redaction import REDACTED
from pg2es.core.reports import ReportKind
from pg2es.services.drift import compare, compare_digests, reconcile, suspects, write_drift
from pg2es.services.drift.reconciliation import check
from pg2es.services.reports import read_last_report
from pg2es.services.stream import pass_barrier, write_marker
from pg2es.services.tables import read_tables
from tests.integration.compared import ROWS, Compared, add_books, keep_changing
from tests.support import Database, ProjectFolder


@pytest.fixture(scope="module")
def compared(module_folder: tuple[ProjectFolder, Database]) -> Compared:
    """A pipeline that was backfilled."""
    return add_books(*module_folder, compare_digests)


def run(
    compared: Compared, *, deep: Deep = Deep.NONE, repair: bool = True, max_repair_fraction: float = 0.05
) -> Reconciliation:
    return reconcile(
        compared.clients, compared.pipeline, deep=deep, repair=repair, max_repair_fraction=max_repair_fraction
    )


def last_report(compared: Compared) -> dict[str, Any]:
    found = read_last_report(compared.clients.elasticsearch, ReportKind.RECONCILE, compared.pipeline.name)
    assert found
    return found


def found_ids(done: Reconciliation) -> dict[Drift, list[str]]:
    return {kind: sorted(ids) for kind, ids in done.found.ids.items() if ids}


def plant(compared: Compared) -> None:
    """Make one document missing, one stale, three extra and two altered, one of which keeps its mark."""
    compared.delete(1)
    old = compared.stored("2")
    compared.database.execute("UPDATE public.books SET pages = 1000 WHERE id = 2")
    compared.pass_barrier()
    compared.store("2", old)
    compared.store("90001", compared.stored("3"))
    compared.store("007", compared.stored("7"))  # the key of no row, as PostgreSQL writes it
    compared.store("no number", compared.stored("7"))
    compared.change_mark("4", None)
    compared.store("5", compared.stored("5").replace("title 5", "Title 5"))


def test_a_clean_index_is_equal(compared: Compared) -> None:
    done = run(compared, deep=Deep.ALL)
    assert (done.outcome, done.documents, done.found.equal) == (Outcome.EQUAL, ROWS, ROWS)
    assert done.deep
    assert done.deep.documents == ROWS
    check(done)
    report = last_report(compared)
    assert (report["outcome"], report["details"]["counts"]["documents"]) == ("equal", ROWS)


def test_everything_planted_is_found_repaired_and_reported(compared: Compared) -> None:
    plant(compared)
    done = run(compared, deep=Deep.ALL)
    assert found_ids(done) == {
        Drift.MISSING: ["1"],
        Drift.STALE: ["2"],
        Drift.EXTRA: ["007", "90001", "no number"],
        Drift.ALTERED: ["4", "5"],
    }
    assert (done.outcome, done.repaired, done.found.equal) == (Outcome.REPAIRED, 7, ROWS - 4)
    check(done)

    details = last_report(compared)["details"]
    assert details["samples"]["stale"] == [
        {"id": "2", "fields": [{"field": "pages", "stored": "2", "expected": "1000"}]}
    ]
    assert details["samples"]["altered"][1]["fields"] == [
        {"field": "title", "stored": '"Title 5"', "expected": '"title 5"'}
    ]
    assert details["counts"]["extra"] == 3

    file = io.StringIO()
    write_drift(file, done)
    rows = list(csv.DictReader(file.getvalue().splitlines()))
    assert {"kind": "extra", "id": "007", "differs": "False"} in rows
    assert len(rows) == 7

    assert run(compared, deep=Deep.ALL).outcome is Outcome.EQUAL
    assert compare(compared.clients, compared.pipeline, compared.generation).clean


def test_without_repair_it_is_only_said(compared: Compared) -> None:
    compared.delete(1)
    done = run(compared, repair=False)
    assert (done.outcome, done.repaired, done.found.counts[Drift.MISSING]) == (Outcome.DRIFT, 0, 1)
    with pytest.raises(DriftFound, match="pg2es reconcile books"):
        check(done)
    assert run(compared).outcome is Outcome.REPAIRED


def test_too_much_drift_is_not_repaired(compared: Compared) -> None:
    compared.delete(*range(1, 101))
    done = run(compared, max_repair_fraction=0.03)
    assert (done.outcome, done.repaired) == (Outcome.TOO_MUCH, 0)
    assert "3.3% of the documents differ" in done.advice
    assert "reindex_books" in done.advice
    assert run(compared, max_repair_fraction=0.04).repaired == 100


def test_the_plan_says_why_so_much_differs(compared: Compared) -> None:
    compared.delete(*range(1, 101))
    compared.database.execute("ALTER TABLE public.books ADD COLUMN shelf int")
    try:
        done = run(compared, max_repair_fraction=0.01)
        assert done.outcome is Outcome.TOO_MUCH
        assert "shelf" in done.advice
    finally:
        compared.database.execute("ALTER TABLE public.books DROP COLUMN shelf")
    assert run(compared).outcome is Outcome.REPAIRED


def test_a_version_of_the_future_is_a_restored_database(module_folder: tuple[ProjectFolder, Database]) -> None:
    folder, database = module_folder
    database.execute("CREATE TABLE public.ages (id int PRIMARY KEY)", "INSERT INTO public.ages VALUES (1), (2), (3)")
    folder.add_pipeline("ages", "public.ages")
    ages = Compared(folder, database, "ages", compare_digests)
    ages.store("3", ages.stored("2"), version=2**55, version_type="external")
    done = run(ages, max_repair_fraction=1)
    assert (done.outcome, done.found.rewound, done.repaired) == (Outcome.REWOUND, 1, 0)
    assert "restored or failed over" in done.advice
    assert "reindex_ages" in done.advice

    ages.delete(3)  # Elasticsearch remembers the version of what it deleted
    deleted = run(ages, max_repair_fraction=1)
    assert (deleted.outcome, deleted.found.ids[Drift.MISSING]) == (Outcome.REWOUND, ["3"])


@pytest.mark.parametrize(
    ("later", "advice"), [(1, "It is an old primary"), (-1, "Run the DAG recover_")], ids=["left behind", "promoted"]
)
def test_another_database_is_told(compared: Compared, later: int, advice: str) -> None:
    client, meta = compared.clients.elasticsearch, compared.generation.meta
    compared.generation.remember(client, timeline=meta.timeline + later)
    try:
        done = run(compared)
        assert done.outcome is Outcome.REWOUND
        assert advice in done.advice
        assert last_report(compared)["outcome"] == "rewound"
    finally:
        compared.generation.remember(client, timeline=meta.timeline)


def test_what_elasticsearch_refuses_stays_and_is_named(module_folder: tuple[ProjectFolder, Database]) -> None:
    folder, database = module_folder
    database.execute(
        "CREATE TABLE public.tags (id int PRIMARY KEY, tag text)",
        "INSERT INTO public.tags SELECT n, 'tag ' || n FROM generate_series(1, 50) n",
    )
    mapping = {"mappings": {"dynamic": False, "properties": {"tag": {"type": "keyword"}}}}
    folder.add_pipeline("tags", "public.tags", mapping=mapping)
    tags = Compared(folder, database, "tags", compare_digests)
    database.execute("INSERT INTO public.tags VALUES (51, repeat('x', 40000))")  # longer than a keyword may be
    done = run(tags)
    assert (done.outcome, done.repaired) == (Outcome.UNREPAIRED, 0)
    assert "1 documents still differ. Elasticsearch refuses 1." in done.advice
    assert "document 51" in done.rejected[0]
    database.execute("DELETE FROM public.tags WHERE id = 51")
    assert run(tags).outcome is Outcome.EQUAL


def test_each_run_reads_another_part(
    module_folder: tuple[ProjectFolder, Database], compared: Compared, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = compared.pipeline.reconcile.model_copy(update={"deep_runs": 3})
    monkeypatch.setattr(compared, "pipeline", compared.pipeline.model_copy(update={"reconcile": settings}))
    changed = [str(number) for number in range(1, 41)]
    for identifier in changed:
        compared.store(identifier, compared.stored(identifier).replace("title", "Title"))
    runs = [run(compared, deep=Deep.PART, max_repair_fraction=1), run(compared)]
    runs += [run(compared, deep=Deep.PART, max_repair_fraction=1) for _ in range(2)]
    assert [one.deep.part if one.deep else None for one in runs] == [0, None, 1, 2]
    assert sum(one.deep.documents for one in runs if one.deep) == ROWS
    assert sorted(identifier for one in runs for identifier in one.found.ids[Drift.ALTERED]) == sorted(changed)
    assert run(compared, deep=Deep.ALL).outcome is Outcome.EQUAL


def test_documents_with_fields_left_out_are_counted_and_values_redacted(
    module_folder: tuple[ProjectFolder, Database],
) -> None:
    folder, database = module_folder
    database.execute(
        "CREATE TABLE public.people (id int PRIMARY KEY, email text, age text, home jsonb)",
        "INSERT INTO public.people VALUES (1, 'a@example.org', 'old', '{\"city\": \"A\", \"zip\": 1}'), "
        "(2, 'b@example.org', '30', '{}')",
    )
    mapping = {
        "settings": {"number_of_shards": 1, "number_of_replicas": 0},
        "mappings": {"dynamic": False, "properties": {"age": {"type": "integer", "ignore_malformed": True}}},
    }
    folder.add_pipeline("people", "public.people", mapping=mapping, redact=["email", "home.city"])
    people = Compared(folder, database, "people", compare_digests)
    assert run(people).ignored == 1

    people.store("1", '{"_pg2es":{"d0":1,"d1":1,"bucket":1},"email":"x@example.org","home":{"city":"B","zip":2}}')
    done = run(people, max_repair_fraction=1)
    (sample,) = last_report(people)["details"]["samples"]["altered"]
    assert {field["field"]: (field["stored"], field["expected"]) for field in sample["fields"]} == {
        "id": (None, "1"),
        "email": (REDACTED, REDACTED),
        "age": (None, '"old"'),
        "home.city": (REDACTED, REDACTED),
        "home.zip": ("2", "1"),
    }
    assert done.outcome is Outcome.REPAIRED
    assert "example.org" not in json.dumps(last_report(people))


@pytest.mark.parametrize(
    ("there", "back"),
    [
        ("UPDATE public.books SET pages = 4 WHERE id = 10", "UPDATE public.books SET pages = 3 WHERE id = 10"),
        ("DELETE FROM public.books WHERE id = 10", "INSERT INTO public.books VALUES (10, 'title 10', 3)"),
        ("INSERT INTO public.books VALUES (9000, 'for a moment', 1)", "DELETE FROM public.books WHERE id = 9000"),
    ],
    ids=["stale", "missing", "extra"],
)
def test_a_row_that_changes_and_changes_back_is_no_drift(
    compared: Compared, monkeypatch: pytest.MonkeyPatch, there: str, back: str
) -> None:
    """Before the barrier the row changes, behind it Elasticsearch is read, and then it is again as it was."""
    changes = [there]
    returns = [back]

    def change_and_pass_barrier(*arguments: Any) -> int:
        while changes:
            compared.database.execute(changes.pop())
        return pass_barrier(*arguments)

    def fetch_documents_and_change_back(*arguments: Any) -> Any:
        found = fetch_documents(*arguments)
        while returns:
            compared.database.execute(returns.pop())
        return found

    monkeypatch.setattr(suspects, "pass_barrier", change_and_pass_barrier)
    monkeypatch.setattr(suspects, "fetch_documents", fetch_documents_and_change_back)
    source = compared.clients.project.source_of(compared.pipeline)
    with compared.clients.session(source) as session:
        sql = read_tables(session, compared.pipeline).sql
        found = suspects.Suspects(compared.clients, session, sql, compared.generation, write_marker(session))
        for identifier in ("10", "9000"):
            found.note(identifier, differs=True)
        judged = found.judge()
    assert changes == returns == []
    assert (judged.drifted, judged.in_flight) == (0, 0), judged.ids


def test_traffic_is_no_drift_and_drift_is_found_in_it(compared: Compared) -> None:
    compared.delete(1000)
    compared.store("1001", compared.stored("1001").replace("title", "Title"))
    with keep_changing(compared.database):
        done = run(compared, deep=Deep.ALL)
        again = run(compared, deep=Deep.ALL)
    assert found_ids(done) == {Drift.MISSING: ["1000"], Drift.ALTERED: ["1001"]}
    assert done.outcome is Outcome.REPAIRED
    assert again.outcome is Outcome.EQUAL
    compared.check_equal()


def test_what_is_remembered_of_deleted_documents(compared: Compared) -> None:
    client, index = compared.clients.elasticsearch, compared.generation.index
    compared.database.execute("INSERT INTO public.books VALUES (9001, 'gone', 1)")
    compared.pass_barrier()
    source = compared.clients.project.source_of(compared.pipeline)
    with compared.clients.session(source) as session:
        before = write_marker(session)
        compared.database.execute("DELETE FROM public.books WHERE id = 9001")
        compared.pass_barrier()
        after = write_marker(session)
    found = probe_tombstones(client, index, ["9001", "never", "10"])
    assert set(found) == {"9001", "10"}
    assert before < found["9001"] < after
    compared.check_equal()
