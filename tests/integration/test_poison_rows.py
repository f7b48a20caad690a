"""One row that PostgreSQL cannot read is one dead letter, one rejected document, or one line of a report; nothing waits
for it."""

from collections.abc import Callable

import pytest

from pg2es.adapters.elasticsearch import BulkOutcome, Client, Rejection, indices, send_bulk
from pg2es.core.drift import Comparison, Deep, Outcome, Reconciliation
from pg2es.core.errors import DocumentsRejected, UnreadableRow
from pg2es.core.sql import protocol
from pg2es.services import backfill, preflight
from pg2es.services import dead_letters as replay
from pg2es.services.drift import compare, reconcile
from pg2es.services.drift.unreadable import find_unreadable
from pg2es.services.generations import require_live_generation
from pg2es.services.refresh import refresher
from pg2es.services.tables import read_tables
from tests import oracle
from tests.integration.batch import check_equal, copy_all, make_generation, run_backfill
from tests.integration.sink_harness import SinkHarness, order
from tests.support import Database, ProjectFolder, connect

SLOW = "SELECT id, (SELECT 1 FROM pg_sleep(0.02 + 0 * root.id)) AS slept FROM root"
SHARES = "SELECT id, 100 / length(note) AS share FROM root"


def test_a_row_that_cannot_be_read_is_a_dead_letter_and_the_rest_goes_on(
    make_sink: Callable[..., SinkHarness],
) -> None:
    sink = make_sink(document=SHARES, related=[])
    sink.commit(
        "INSERT INTO public.orders SELECT n, NULL, CASE n % 30 WHEN 7 THEN '' ELSE 'ab' END "
        "FROM generate_series(1, 100) n"
    )
    for root in range(1, 101):
        sink.publish("orders", after={"id": root})
    sink.deploy()
    letters = sink.dead_letters(4)
    assert sorted(letter.value["after"]["id"] for letter in letters) == [7, 37, 67, 97]
    assert "was rejected for index " in letters[0].reason
    assert ": unreadable_row: ERROR: division by zero (SQLSTATE 22012)" in letters[0].reason
    sink.wait_until(lambda: sink.count() == 96, lambda: f"{sink.count()} documents instead of 96")
    sink.wait_until_running()


def test_a_reference_to_something_else_leads_to_no_root(make_sink: Callable[..., SinkHarness]) -> None:
    sink = make_sink(
        tables=(
            "CREATE TABLE public.orders (id bigint PRIMARY KEY)",
            "CREATE TABLE public.notes (id bigint PRIMARY KEY, about text)",
        ),
        document="SELECT id, (SELECT count(*) FROM public.notes n WHERE n.about = root.id::text) AS notes FROM root",
        related=[{"table": "public.notes", "root_key": "about"}],
    )
    sink.commit("INSERT INTO public.orders VALUES (1)", "INSERT INTO public.notes VALUES (1, '1')")
    for about in ("5b1f6c1e-0000-4000-8000-000000000009", "", "1", None):
        sink.publish("notes", after={"id": 1, "about": about})
    sink.deploy()
    sink.wait_for_document(1, order(1, notes=1))
    sink.wait_until_running()


def test_a_lookup_that_fails_for_one_row_goes_on_for_the_others(make_sink: Callable[..., SinkHarness]) -> None:
    related = {
        "table": "public.items",
        "roots_sql": "SELECT o.id FROM changed c JOIN public.orders o ON o.id = c.name::bigint",
        "columns": ["name"],
    }
    sink = make_sink(document="SELECT id, note FROM root", related=[related])
    sink.commit("INSERT INTO public.orders SELECT n FROM generate_series(1, 20) n")
    for name in (*range(1, 11), "x", "99999999999999999999", *range(11, 21)):
        sink.publish("items", after={"id": 1, "name": name})
    sink.deploy()
    letters = sink.dead_letters(2)
    assert [letter.value["after"]["name"] for letter in letters] == ["x", "99999999999999999999"]
    assert "columns [name] lead to no root by route related1" in letters[0].reason
    assert 'invalid input syntax for type bigint: "x"' in letters[0].reason
    sink.wait_until(lambda: sink.count() == 20, lambda: f"{sink.count()} documents instead of 20")


def test_a_lookup_of_many_roots_that_fails_for_one_row_goes_on_for_the_others(
    make_sink: Callable[..., SinkHarness],
) -> None:
    # The bad row comes after more roots than a lookup may lead to: only whoever spreads them meets it.
    related = {
        "table": "public.items",
        "roots_sql": "SELECT o.id FROM changed c JOIN public.orders o ON o.number::bigint = 10 / (c.name::int - 1)",
        "columns": ["name"],
    }
    sink = make_sink(document="SELECT id, note FROM root", related=[related], stream={"spread_roots": 5})
    sink.commit("INSERT INTO public.orders SELECT n, NULL, NULL, '10' FROM generate_series(1, 50) n")
    sink.publish("items", after={"id": 1, "name": 2})
    sink.publish("items", after={"id": 2, "name": 1})
    sink.deploy()
    [letter] = sink.dead_letters(1)
    assert letter.value["after"] == {"id": 2, "name": 1}
    assert "division by zero" in letter.reason
    sink.wait_until(lambda: sink.count() == 50, lambda: f"{sink.count()} documents instead of 50")


def test_a_null_in_one_of_several_columns_hides_no_other(make_sink: Callable[..., SinkHarness]) -> None:
    related = {
        "table": "public.items",
        "roots_sql": "SELECT id FROM changed UNION ALL SELECT order_id FROM changed",
        "columns": ["id", "order_id"],
    }
    sink = make_sink(document="SELECT id, note FROM root", related=[related])
    sink.commit("INSERT INTO public.orders VALUES (1), (2), (3)")
    sink.publish("items", after={"id": 1, "order_id": None})
    sink.publish("items", before={"id": None, "order_id": 2}, after={"id": None, "order_id": 3})
    sink.deploy()
    for root in (1, 2, 3):
        sink.wait_for_document(root, order(root))


def test_only_the_row_that_led_to_a_rejected_document_is_a_dead_letter(make_sink: Callable[..., SinkHarness]) -> None:
    sink = make_sink()
    sink.commit(
        "INSERT INTO public.customers SELECT n, 'Ada' FROM generate_series(1, 200) n",
        "INSERT INTO public.orders SELECT n, n, NULL, CASE n % 50 WHEN 3 THEN 'none' ELSE '1' END "
        "FROM generate_series(1, 200) n",
    )
    for customer in range(1, 201):
        sink.publish("customers", after={"id": customer})
    sink.deploy()
    letters = sink.dead_letters(4)
    assert sorted(letter.value["after"]["id"] for letter in letters) == [3, 53, 103, 153]
    sink.wait_until(lambda: sink.count() == 196, lambda: f"{sink.count()} documents instead of 196")


def test_a_time_limit_of_the_role_is_not_for_the_sink(make_sink: Callable[..., SinkHarness]) -> None:
    sink = make_sink(document=SLOW, related=[])
    sink.commit(
        f"ALTER DATABASE {sink.database.name} SET statement_timeout = '200ms'",
        "INSERT INTO public.orders SELECT n FROM generate_series(1, 40) n",
    )
    for root in range(1, 41):
        sink.publish("orders", after={"id": root})
    sink.deploy()
    sink.wait_until(lambda: sink.count() == 40, lambda: f"{sink.count()} documents instead of 40")


def test_a_read_that_is_cut_off_is_tried_with_fewer_roots(make_sink: Callable[..., SinkHarness]) -> None:
    sink = make_sink(document=SLOW, related=[])
    sink.commit("INSERT INTO public.orders SELECT n FROM generate_series(1, 100) n")
    for root in range(1, 101):
        sink.publish("orders", after={"id": root})
    sink.deploy()
    with connect(sink.database.name, superuser=True) as session:

        def cut_off() -> bool:
            found = session.execute(
                "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE state = 'active' "
                "AND datname = current_database() AND query LIKE 'EXECUTE pg2es_documents%'"
            )
            return found.rowcount > 0

        sink.wait_until(cut_off, lambda: "the sink reads no documents")
    sink.wait_until(lambda: sink.count() == 100, lambda: f"{sink.count()} documents instead of 100")
    assert sink.metrics()["Retries"] == 0


EVENTS = (
    "CREATE TABLE public.events (id bigint PRIMARY KEY, payload json, note text)",
    """INSERT INTO public.events SELECT n, '{"body": "hello"}' FROM generate_series(1, 400) n""",
)
POISON = """INSERT INTO public.events VALUES (501, '{"body": "GIF89a\\u0000"}')"""
REASON = "501: unsupported Unicode escape sequence"


def test_a_row_that_cannot_be_read_is_told_by_everyone_until_it_is_corrected(
    streamed_folder: ProjectFolder, database: Database
) -> None:
    database.execute(*EVENTS, POISON)
    pipeline = streamed_folder.add_pipeline("events", "public.events")
    clients, source = streamed_folder.clients(), streamed_folder.source_model()
    assert any("unsupported Unicode escape sequence" in found.sentence for found in preflight.run(clients, [pipeline]))
    with pytest.raises(DocumentsRejected, match=r"1 documents .* document 501: unreadable_row: unsupported Unicode"):
        backfill.check(run_backfill(clients, pipeline))
    # The rows around it and a change behind it are there, and nobody deletes what it cannot read.
    database.execute(
        """UPDATE public.events SET payload = '{"body": "\\u0000"}' WHERE id = 7""",
        "UPDATE public.events SET note = 'after' WHERE id = 8",
    )
    found = compare_behind_barrier(streamed_folder)
    assert (found.clean, found.equal, found.drifted) == (False, 399, 0)
    assert sorted(found.unreadable) == ["501", "7"]
    done = reconcile_events(streamed_folder)
    assert (done.outcome, done.found.drifted) == (Outcome.UNREADABLE, 0)
    assert "cannot make the documents of 2 rows" in str(done)
    assert REASON in str(done)
    assert oracle.read_documents(pipeline.alias)["7"]["payload"] == {"body": "hello"}
    assert [group.error for group in replay.list_groups(clients, source)] == ["unreadable_row"]

    database.execute("UPDATE public.events SET payload = '{}' WHERE id IN (7, 501)")
    check_equal(clients, pipeline, 401)
    assert replay.replay(clients, source).left == 0
    assert reconcile_events(streamed_folder).outcome is Outcome.EQUAL


def compare_behind_barrier(folder: ProjectFolder) -> Comparison:
    """Compare every byte of the pipeline `events`."""
    clients = folder.clients()
    pipeline = clients.project.pipeline("events")
    return compare(clients, pipeline, require_live_generation(clients.elasticsearch, pipeline))


def reconcile_events(folder: ProjectFolder) -> Reconciliation:
    """Reconcile the pipeline `events`."""
    clients = folder.clients()
    return reconcile(clients, clients.project.pipeline("events"), deep=Deep.ALL, repair=True, max_repair_fraction=1.0)


def test_a_root_with_two_rows_is_one_rejected_document(project_folder: ProjectFolder, database: Database) -> None:
    database.execute(
        "CREATE TABLE public.pairs (id bigint PRIMARY KEY)",
        "INSERT INTO public.pairs SELECT n FROM generate_series(1, 100) n",
    )
    document = "SELECT root.id, side FROM root, generate_series(1, 1 + (root.id = 50)::int) side"
    pipeline = project_folder.add_pipeline("pairs", "public.pairs", document=document)
    clients = project_folder.clients()
    make_generation(clients, pipeline)
    [result] = copy_all(clients, pipeline)
    assert (result.written, result.rejected) == (99, 1)
    assert "document 50: unreadable_row: it returned two rows for one root" in result.samples


def test_a_document_sql_that_fails_for_every_row_is_broken(project_folder: ProjectFolder, database: Database) -> None:
    database.execute(*EVENTS)
    pipeline = project_folder.add_pipeline(
        "events", "public.events", document="SELECT id, 1 / (id - id) AS x FROM root"
    )
    with project_folder.clients().session(project_folder.source_model()) as session:
        sql = read_tables(session, pipeline).sql
        assert len(find_unreadable(session, sql)) == 400
        database.execute("INSERT INTO public.events SELECT n FROM generate_series(501, 2000) n")
        with pytest.raises(UnreadableRow, match=r"division by zero \(more than 1,000 rows\)"):
            find_unreadable(session, sql)


def test_a_slow_slice_is_read_row_by_row(
    project_folder: ProjectFolder, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.execute(*EVENTS)
    document = "SELECT id, (SELECT 1 FROM pg_sleep(0.002 + 0 * root.id)) AS slept FROM root"
    pipeline = project_folder.add_pipeline("events", "public.events", document=document)
    clients = project_folder.clients()
    monkeypatch.setattr(protocol, "LIMIT_READ", "SET LOCAL statement_timeout = '500ms'")
    make_generation(clients, pipeline)
    [result] = copy_all(clients, pipeline, count=1)
    assert (result.rows, result.written, result.rejected) == (400, 400, 0)


def test_a_document_over_which_elasticsearch_fails_is_rejected(
    project_folder: ProjectFolder, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.execute(*EVENTS)
    pipeline = project_folder.add_pipeline("events", "public.events")
    clients = project_folder.clients()

    def send(client: Client, index: str, body: bytes, items: int) -> BulkOutcome:
        """Send all but one document, as to a server that fails over it."""
        lines = body.splitlines(keepends=True)
        failed = lines.index(next(line for line in lines if b'"_id":"50"' in line))
        outcome = send_bulk(client, index, b"".join(lines[:failed] + lines[failed + 2 :]), items - 1)
        outcome.add(BulkOutcome(failing=[Rejection("50", "null_pointer_exception", "nothing there")]))
        return outcome

    monkeypatch.setattr(refresher, "send_bulk", send)
    monkeypatch.setattr(refresher, "MOST_FAILURES", 3)
    make_generation(clients, pipeline)
    [result] = copy_all(clients, pipeline, count=1)
    assert (result.rejected, result.samples) == (1, ("document 50: null_pointer_exception: nothing there",))
    live = require_live_generation(clients.elasticsearch, pipeline)
    indices.refresh_index(clients.elasticsearch, live.index)
    assert indices.count_documents(clients.elasticsearch, live.index) == 399
