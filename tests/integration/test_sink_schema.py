"""Tables that change under a running sink: its SQL is of the day when its generation was made."""

from collections.abc import Callable

from tests.integration.sink_harness import MAPPING, TABLES, SinkHarness, order

WITH_SPARE = (*TABLES, "ALTER TABLE public.orders ADD COLUMN spare text DEFAULT 'spare'")


def test_a_column_that_the_sql_does_not_use_may_go(make_sink: Callable[..., SinkHarness]) -> None:
    sink = make_sink(tables=WITH_SPARE)
    sink.deploy()
    _write(sink, 1, "before")
    sink.commit("ALTER TABLE public.orders DROP COLUMN spare")
    _write(sink, 1, "after")
    _write(sink, 2, "new")
    sink.wait_until_running()


def test_a_column_that_the_sql_does_not_use_may_get_another_name_or_type(make_sink: Callable[..., SinkHarness]) -> None:
    sink = make_sink(tables=(*WITH_SPARE, "ALTER TABLE public.orders ADD COLUMN other integer"))
    sink.deploy()
    _write(sink, 1, "before")
    sink.commit(
        "ALTER TABLE public.orders RENAME COLUMN spare TO renamed",
        "ALTER TABLE public.orders ALTER other TYPE bigint",  # rewrites the table
    )
    _write(sink, 1, "after")
    _write(sink, 2, "new")
    sink.wait_until_running()


def test_a_new_column_does_not_come_into_documents_by_itself(make_sink: Callable[..., SinkHarness]) -> None:
    # Without document SQL: the columns that the table had when the generation was made, or rows that are written now
    # would differ from all others.
    sink = make_sink(document=None, related=[], mapping=MAPPING)
    sink.deploy()
    _write(sink, 1, "before")
    sink.commit("ALTER TABLE public.orders ADD COLUMN more text DEFAULT 'more'")
    _write(sink, 1, "after")
    _write(sink, 2, "new")
    sink.wait_until_running()

    # Nor when the sink is deployed again.
    sink.deploy()
    _write(sink, 2, "again")


def test_a_column_that_the_sql_uses_stops_the_task_and_is_named(make_sink: Callable[..., SinkHarness]) -> None:
    sink = make_sink(tables=WITH_SPARE, document="SELECT id, note, spare FROM root", related=[])
    sink.deploy()
    sink.commit("INSERT INTO public.orders VALUES (1, NULL, 'before')")
    sink.publish("orders", after={"id": 1})
    sink.wait_for_document(1, order(1, note="before", spare="spare"))
    sink.commit("ALTER TABLE public.orders DROP COLUMN spare")
    sink.publish("orders", before={"id": 1}, after={"id": 1})
    cause = sink.wait_until_failed()
    assert "Pipeline orders: sql.documents failed in PostgreSQL" in cause
    assert 'column "spare" does not exist' in cause
    assert sink.document(1) == order(1, note="before", spare="spare")


def _write(sink: SinkHarness, root: int, note: str) -> None:
    """Write a row, let the sink hear of it, and wait for its document."""
    transaction = sink.commit(
        f"INSERT INTO public.orders (id, note) VALUES ({root}, '{note}')"
        f" ON CONFLICT (id) DO UPDATE SET note = excluded.note"
    )
    sink.publish("orders", before={"id": root}, after={"id": root}, transaction=transaction)
    sink.wait_for_document(root, order(root, note=note))
