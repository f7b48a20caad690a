"""The sink on real Connect workers: which documents come of which events."""

from collections.abc import Callable

from pg2es.core.sql.protocol import flush
from tests.integration.sink_harness import SinkHarness, order
from tests.support import connect


def test_a_document_follows_its_row(sink: SinkHarness) -> None:
    sink.deploy()
    awkward = "a \"quoted\" 'text' \\ with\na line, 🐘 and ✓"
    literal = awkward.replace("'", "''")
    transaction = sink.commit(f"INSERT INTO public.orders VALUES (1, NULL, '{literal}', '7')")
    sink.publish("orders", after={"id": 1}, transaction=transaction)
    sink.wait_for_document(1, order(1, note=awkward, number="7"))

    transaction = sink.commit("UPDATE public.orders SET note = 'plain' WHERE id = 1")
    sink.publish("orders", before={"id": 1}, after={"id": 1}, transaction=transaction)
    sink.wait_for_document(1, order(1, note="plain", number="7"))

    transaction = sink.commit("DELETE FROM public.orders WHERE id = 1")
    sink.publish("orders", before={"id": 1}, transaction=transaction)
    sink.publish_raw("orders", None)
    sink.wait_for_document(1, None)


def test_the_key_of_a_root_changes(sink: SinkHarness) -> None:
    sink.deploy()
    sink.commit("INSERT INTO public.orders VALUES (1, NULL, 'moves')")
    sink.publish("orders", after={"id": 1})
    sink.wait_for_document(1, order(1, note="moves"))

    transaction = sink.commit("UPDATE public.orders SET id = 2 WHERE id = 1")
    sink.publish("orders", before={"id": 1}, transaction=transaction)
    sink.publish_raw("orders", None)
    sink.publish("orders", after={"id": 2}, transaction=transaction)
    sink.wait_for_document(2, order(2, note="moves"))
    sink.wait_for_document(1, None)


def test_a_child_that_moves_changes_both_roots(sink: SinkHarness) -> None:
    sink.deploy()
    sink.commit(
        "INSERT INTO public.orders VALUES (1), (2)",
        "INSERT INTO public.items VALUES (10, 1, 'pen')",
    )
    sink.publish("items", after={"id": 10, "order_id": 1})
    sink.wait_for_document(1, order(1, items=["pen"]))

    transaction = sink.commit("UPDATE public.items SET order_id = 2 WHERE id = 10")
    sink.publish("items", before={"id": 10, "order_id": 1}, after={"id": 10, "order_id": 2}, transaction=transaction)
    sink.wait_for_document(2, order(2, items=["pen"]))
    sink.wait_for_document(1, order(1))


def test_a_shared_row_changes_all_its_roots(sink: SinkHarness) -> None:
    sink.deploy()
    roots = range(1, 1200)
    transaction = sink.commit(
        "INSERT INTO public.customers VALUES (5, 'Ada')",
        f"INSERT INTO public.orders SELECT n, 5 FROM generate_series({roots.start}, {roots.stop - 1}) n",
    )
    sink.publish("customers", before={"id": 5}, after={"id": 5}, transaction=transaction)
    sink.wait_until(lambda: sink.count() == len(roots), lambda: f"{sink.count()} documents instead of {len(roots)}")
    sink.wait_for_document(roots[-1], order(roots[-1], customer="Ada"))


def test_events_of_one_root_collapse_into_one_read(sink: SinkHarness) -> None:
    sink.commit("INSERT INTO public.orders VALUES (1, NULL, 'hot')")
    for _ in range(50):
        sink.publish("orders", before={"id": 1}, after={"id": 1})
    sink.deploy()
    sink.wait_for_document(1, order(1, note="hot"))
    sink.wait_for_metric("DocumentsWritten", 1)
    metrics = sink.metrics()
    assert metrics["Records"] == 50
    assert metrics["RootsRead"] == 1
    assert metrics["BulkRequests"] == 1
    assert metrics["BulkBytes"] > 0


def test_an_event_that_comes_late_brings_nothing_back(sink: SinkHarness) -> None:
    sink.deploy()
    sink.commit("INSERT INTO public.orders VALUES (1, NULL, 'new')")
    sink.publish("orders", before={"id": 1}, after={"id": 1, "note": "old"})
    sink.publish("orders", before={"id": 1}, op="d")
    sink.wait_for_metric("Records", 2)
    sink.wait_for_document(1, order(1, note="new"))
    assert sink.metrics()["DocumentsDeleted"] == 0


def test_events_with_a_schema_and_of_other_kinds(sink: SinkHarness) -> None:
    sink.deploy()
    sink.commit("INSERT INTO public.orders VALUES (1, NULL, 'wrapped')")
    sink.publish_raw("orders", '{"ts_ms": 1}')
    sink.publish_raw("orders", '{"op": "m", "message": {"prefix": "x", "content": ""}}')
    sink.publish_raw("orders", '{"schema": {}, "payload": {"op": "r", "before": null, "after": {"id": 1}}}')
    sink.wait_for_document(1, order(1, note="wrapped"))


def test_the_flush_of_older_servers_is_several_statements(sink: SinkHarness) -> None:
    sink.deploy({"sql.flush": flush(server_version=150000)})
    sink.commit("INSERT INTO public.orders VALUES (1)")
    sink.publish("orders", after={"id": 1})
    sink.wait_for_document(1, order(1))


def test_a_composite_key(make_sink: Callable[..., SinkHarness]) -> None:
    sink = make_sink(
        tables=("CREATE TABLE public.orders (region text, number numeric, note text, PRIMARY KEY (region, number))",),
        document="SELECT * FROM root",
        related=[],
        mapping={"mappings": {"dynamic": False, "properties": {"note": {"type": "long"}}}},
    )
    sink.deploy()
    sink.commit("""INSERT INTO public.orders VALUES ('a"b', 1.50, '5'), ('c', 2, 'no number')""")
    sink.publish("orders", after={"region": 'a"b', "number": "1.50"})
    sink.publish("orders", after={"region": "c", "number": "2"})
    sink.wait_for_document('["a\\"b", "1.50"]', {"region": 'a"b', "number": 1.5, "note": "5"})
    [letter] = sink.dead_letters(1)
    assert letter.value["after"] == {"region": "c", "number": "2"}


def test_a_transaction_is_waited_for_until_it_is_visible(sink: SinkHarness) -> None:
    sink.deploy()
    sink.commit("INSERT INTO public.orders VALUES (1, NULL, 'old')")
    with connect(sink.database.name) as session:
        with session.transaction():
            session.execute("UPDATE public.orders SET note = 'new' WHERE id = 1")
            row = session.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
            assert row
            # Logical decoding may deliver a commit that other sessions do not see yet; here it comes even earlier.
            sink.publish("orders", before={"id": 1}, after={"id": 1}, transaction=row[0])
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'EXECUTE pg2es_visible%'"
            sink.wait_until(lambda: sink.database.fetch(waiting)[0][0] > 0, lambda: "the sink does not wait")
            assert sink.document(1) is None
        sink.wait_for_document(1, order(1, note="new"))
    assert sink.metrics()["VisibilityWaitMaxMs"] > 0


def test_a_transaction_that_never_comes_is_not_waited_for(sink: SinkHarness) -> None:
    sink.deploy({"visibility.patience.ms": "200"})
    sink.commit("INSERT INTO public.orders VALUES (1, NULL, 'here')")
    with connect(sink.database.name) as session:
        with session.transaction(force_rollback=True):
            row = session.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
        assert row
        aborted, future = row[0], row[0] + 1_000_000
    sink.publish("orders", after={"id": 1}, transaction=aborted)
    sink.publish("orders", after={"id": 1}, transaction=future)
    sink.wait_for_document(1, order(1, note="here"))
