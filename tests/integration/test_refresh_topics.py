"""The refresh topics on real Connect workers: spread lookups, requests by others, deleted roots, TRUNCATE."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from stack.launcher import Stack
from tests.integration.sink_harness import TABLES, SinkHarness, order
from tests.support import connect

SMALL = {"refresh.page.roots": "10", "refresh.spread.roots": "50"}
SOON = {"refresh.later.delay.ms": "2500", "deadline.ms": "2000", "request.timeout.ms": "1000", "bulk.timeout.ms": "500"}


def _orders(first: int, last: int, customer: int = 5) -> str:
    return f"INSERT INTO public.orders SELECT n, {customer} FROM generate_series({first}, {last}) n"


def _change_customer(sink: SinkHarness, name: str) -> None:
    transaction = sink.commit(
        f"INSERT INTO public.customers VALUES (5, '{name}') ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name"
    )
    sink.publish("customers", before={"id": 5}, after={"id": 5}, transaction=transaction)


def _wait_for_names(sink: SinkHarness, count: int, name: str) -> None:
    """Wait until so many documents have the customer's name."""

    def named() -> int:
        sink.elasticsearch.indices.refresh(index=sink.index)
        answer = sink.elasticsearch.search(index=sink.index, size=1000, source_includes=["customer"])
        return sum(hit["_source"].get("customer") == name for hit in answer["hits"]["hits"])

    sink.wait_until(lambda: named() == count, lambda: f"{named()} documents of {count} have {name}")


def test_a_lookup_of_many_roots_is_spread(sink: SinkHarness) -> None:
    sink.deploy(SMALL)
    sink.commit(_orders(1, 200))
    _change_customer(sink, "Ada")
    _wait_for_names(sink, 200, "Ada")
    pages = sink.requested()
    assert len(pages) == 20
    assert all(page["index"] == sink.index and len(page["keys"]) == 10 for page in pages)
    assert sorted(int(key) for page in pages for [key] in page["keys"]) == list(range(1, 201))
    for topic in (*sink.refresh_topics, sink.topics[2]):
        sink.wait_until_committed(topic)
    assert sink.metrics()["LookupsSpread"] == 1
    assert sink.metrics()["PagesWritten"] == 20


def test_a_lookup_at_the_threshold_is_not_spread(sink: SinkHarness) -> None:
    sink.deploy(SMALL)
    sink.commit(_orders(1, 50))
    _change_customer(sink, "Ada")
    _wait_for_names(sink, 50, "Ada")
    assert sink.requested() == []


@pytest.fixture
def held_sink(make_sink: Callable[..., SinkHarness]) -> SinkHarness:
    """A sink whose lookup of 200 orders stands still at its 101st root as long as `_hold` holds it.

    The task itself does not come that far: it looks no further than to the 51st.
    """
    roots_sql = "SELECT public.held(o.id) FROM changed c JOIN public.orders o ON o.customer_id = c.id"
    related = [{"table": "public.customers", "roots_sql": roots_sql, "columns": ["id"]}]
    held = """\
CREATE FUNCTION public.held(id bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  IF nextval('public.calls') > 100 THEN PERFORM pg_advisory_xact_lock_shared(5); END IF;
  RETURN id;
END $$"""
    sink = make_sink(tables=(*TABLES, "CREATE SEQUENCE public.calls", held), related=related)
    # That a member of the group is gone is noticed early, for the test that kills one.
    sink.deploy({**SMALL, "consumer.override.session.timeout.ms": "10000"})
    sink.commit(_orders(1, 200))
    return sink


@contextmanager
def _hold(sink: SinkHarness) -> Iterator[None]:
    """Let a lookup stand still within, once it has begun."""
    with connect(sink.database.name) as session:
        session.execute("SELECT pg_advisory_lock(5)")
        _change_customer(sink, "Ada")
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        sink.wait_until(lambda: sink.database.fetch(waiting)[0][0] > 0, lambda: "no lookup is under way")
        yield


def test_a_lookup_holds_up_no_other_change_and_its_own_offset_until_it_is_spread(held_sink: SinkHarness) -> None:
    sink = held_sink
    source = sink.folder.source_model()
    with _hold(sink):
        transaction = sink.commit("UPDATE public.orders SET note = 'goes on' WHERE id = 1")
        sink.publish("orders", before={"id": 1}, after={"id": 1}, transaction=transaction)
        sink.wait_for_document(1, order(1, note="goes on", customer="Ada"))
        sink.wait_until_committed(source.topic_of("public.orders"))
        assert sink.committed(source.topic_of("public.customers")) == 0
    _wait_for_names(sink, 200, "Ada")
    sink.wait_until_committed(source.topic_of("public.customers"))


def test_a_worker_that_dies_while_it_spreads_loses_nothing(held_sink: SinkHarness) -> None:
    sink, stack = held_sink, Stack()
    with _hold(sink):
        worker = sink.worker()
        stack.kill(worker)
    try:
        _wait_for_names(sink, 200, "Ada")
        assert sink.worker() != worker
        for topic in sink.refresh_topics:
            sink.wait_until_committed(topic)
    finally:
        stack.start(worker)


def test_another_program_asks_for_a_refresh(sink: SinkHarness) -> None:
    sink.deploy()
    sink.commit("INSERT INTO public.orders VALUES (1, NULL, 'one'), (2, NULL, 'two'), (3, NULL, 'three')")
    sink.request({"keys": [["1"], [2]]})
    sink.request({"keys": [["3"]], "index": "orders-of-another-generation"})
    sink.wait_for_document(1, order(1, note="one"))
    sink.wait_for_document(2, order(2, note="two"))
    sink.wait_until_committed(sink.refresh_topics[0])
    assert sink.document(3) is None
    sink.request({"keys": [["3"]], "index": sink.index})
    sink.wait_for_document(3, order(3, note="three"))


def test_bad_requests_become_dead_letters_and_harm_no_other(sink: SinkHarness) -> None:
    sink.commit("INSERT INTO public.orders VALUES (1, NULL, 'one')")
    bad = [
        {"keys": [["x"]]},
        {"keys": [["1", "2"]]},
        {"keys": [[None]]},
        {"keys": "1"},
        {},
        {"all": False},
        {"all": True, "keys": [["1"]]},
        {"all": True, "index": 7},
        {"keys": [["1"]], "generation": "x"},
        [1],
    ]
    for value in bad:
        sink.request(value)
    sink.request({"keys": [["1"]]})
    sink.deploy()
    sink.wait_for_document(1, order(1, note="one"))
    reasons = [letter.reason for letter in sink.dead_letters(len(bad))]
    assert sum("Pipeline orders cannot use the record at" in reason for reason in reasons) == len(bad)
    for part in (
        'invalid input syntax for type bigint: "x"',
        "known are [all, index, keys]",
        'expected is {"keys": [["…"], …]}',
    ):
        assert any(part in reason for reason in reasons), (part, reasons)
    sink.wait_until_committed(sink.refresh_topics[0])


def test_everything_is_refreshed_on_request(sink: SinkHarness) -> None:
    sink.commit(_orders(1, 120))
    sink.deploy(SMALL)
    # Of a row that is gone, and of no row that there could be.
    for identifier in ("7777", "no-key", "007"):
        sink.elasticsearch.index(index=sink.index, id=identifier, document={"_pg2es": {"d0": 1, "d1": 1, "bucket": 1}})
    sink.request({"all": True})
    sink.wait_for_document(7777, None)
    sink.wait_until(lambda: sink.count() == 122, lambda: f"{sink.count()} documents instead of 122")
    assert sink.document("no-key") is not None
    for topic in sink.refresh_topics[:1]:
        sink.wait_until_committed(topic)


def test_a_deleted_document_that_came_back_is_deleted_again(sink: SinkHarness) -> None:
    # Elasticsearch forgets at once that there was a newer version, as it may by a restart.
    sink.elasticsearch.indices.put_settings(index=sink.index, settings={"index.gc_deletes": "0s"})
    sink.deploy(SOON)
    sink.commit("INSERT INTO public.orders VALUES (1, NULL, 'old')")
    sink.publish("orders", after={"id": 1})
    sink.wait_for_document(1, order(1, note="old"))
    stored = sink.elasticsearch.get(index=sink.index, id="1")
    transaction = sink.commit("DELETE FROM public.orders")
    sink.publish("orders", before={"id": 1}, transaction=transaction)
    sink.wait_for_document(1, None)

    def write_late() -> bool:
        """Write what was read before the delete; refused while Elasticsearch remembers the tombstone."""
        answer = sink.elasticsearch.options(ignore_status=409).index(
            index=sink.index, id="1", document=stored["_source"], version=stored["_version"], version_type="external"
        )
        sink.elasticsearch.indices.refresh(index=sink.index)
        return "result" in answer

    sink.wait_until(write_late, lambda: "the tombstone stays")
    sink.wait_for_document(1, order(1, note="old"))
    sink.wait_for_document(1, None)
    sink.wait_until_committed(sink.refresh_topics[1])
    assert sink.requested(later=True) == [{"index": sink.index, "keys": [["1"]]}]
