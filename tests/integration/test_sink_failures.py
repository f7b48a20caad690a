"""What the sink does when something is wrong: wait, tell, or stop, and lose nothing."""

from collections.abc import Callable

import pytest

from pg2es.adapters.elasticsearch import indices
from pg2es.core.errors import ConnectorError
from tests.integration.sink_harness import SinkHarness, order
from tests.support import connect


def test_a_rejected_document_goes_to_the_dead_letters_and_the_rest_goes_on(sink: SinkHarness) -> None:
    sink.commit(
        "INSERT INTO public.customers VALUES (5, 'Ada')",
        "INSERT INTO public.orders VALUES (1, NULL, NULL, '1'), (2, 5, NULL, 'none'), (3, NULL, NULL, '3')",
    )
    for root in (1, 2, 3):
        sink.publish("orders", after={"id": root})
    sink.publish("customers", before={"id": 5}, after={"id": 5})
    sink.publish("customers", after={"id": 6})
    sink.deploy()
    sink.wait_for_document(1, order(1, number="1"))
    sink.wait_for_document(3, order(3, number="3"))

    letters = sink.dead_letters(2)
    assert sorted(letter.value["source"]["table"] for letter in letters) == ["customers", "orders"]
    for letter in letters:
        assert f"Pipeline orders: document 2 was rejected for index {sink.index}" in letter.reason
        assert "document_parsing_exception" in letter.reason
        assert "[number] of type [long]" in letter.reason
    sink.wait_for_metric("DeadLetters", 2)


def test_the_record_of_a_rejected_document_is_found_whatever_it_calls_its_key(sink: SinkHarness) -> None:
    sink.commit("INSERT INTO public.orders VALUES (1, NULL, NULL, '1'), (2, NULL, NULL, 'none')")
    for key in ("01", "02"):
        sink.publish("orders", after={"id": key})
    sink.deploy()
    sink.wait_for_document(1, order(1, number="1"))
    [letter] = sink.dead_letters(1)
    assert letter.value["after"] == {"id": "02"}


def test_records_that_name_no_root_go_to_the_dead_letters(sink: SinkHarness) -> None:
    sink.deploy()
    sink.publish("orders", after={"note": "no key"})
    sink.publish("items", after={"id": 1, "order_id": "__debezium_unavailable_value"})
    sink.publish_raw("orders", '{"id": 1}')
    sink.publish("orders", after={"id": 1})
    reasons = " ".join(letter.reason for letter in sink.dead_letters(3))
    for part in ("it has no column id", "set REPLICA IDENTITY FULL", "it has no Debezium envelope"):
        assert part in reasons


def test_a_document_over_the_limit_goes_to_the_dead_letters(sink: SinkHarness) -> None:
    sink.deploy({"document.max.bytes": "1000"})
    sink.commit("INSERT INTO public.orders VALUES (1, NULL, repeat('x', 2000)), (2, NULL, 'short')")
    sink.publish("orders", after={"id": 1})
    sink.publish("orders", after={"id": 2})
    [letter] = sink.dead_letters(1)
    assert "more than document.max.bytes=1000" in letter.reason
    sink.wait_for_document(2, order(2, note="short"))


def test_an_id_that_is_too_long_takes_no_other_document_with_it(make_sink: Callable[..., SinkHarness]) -> None:
    # Elasticsearch would refuse the whole request for it.
    sink = make_sink(tables=("CREATE TABLE public.orders (id text PRIMARY KEY)",), document=None, related=[])
    names = [*map(str, range(20)), "x" * 600]
    for name in names:
        sink.commit(f"INSERT INTO public.orders VALUES ('{name}')")
        sink.publish("orders", after={"id": name})
    sink.deploy()
    [letter] = sink.dead_letters(1)
    assert "id_too_long: the id has 600 bytes, Elasticsearch takes 512" in letter.reason
    sink.wait_until(lambda: sink.count() == 20, lambda: f"{sink.count()} documents instead of 20")


def test_without_dead_letters_the_task_stops_with_the_reason(make_sink: Callable[..., SinkHarness]) -> None:
    sink = make_sink(errors={"tolerance": "none"})
    sink.commit("INSERT INTO public.orders VALUES (1, NULL, NULL, 'none')")
    sink.publish("orders", after={"id": 1})
    sink.deploy()
    assert "document 1 was rejected" in sink.wait_until_failed()


def test_large_documents_are_read_in_smaller_slices(sink: SinkHarness) -> None:
    sink.commit("INSERT INTO public.orders SELECT n, NULL, repeat('x', 2000) FROM generate_series(1, 300) n")
    for root in range(1, 301):
        sink.publish("orders", after={"id": root})
    # Nine documents fit into a request, and four requests into one read.
    sink.deploy({"bulk.max.bytes": "20000"})
    sink.wait_until(lambda: sink.count() == 300, lambda: f"{sink.count()} documents instead of 300")
    metrics = sink.metrics()
    assert metrics["BulkRequests"] >= 300 / 9
    assert metrics["BulkBytes"] / metrics["BulkRequests"] <= 20_000


def test_a_broken_statement_stops_the_task(sink: SinkHarness) -> None:
    sink.deploy({"sql.documents": "SELECT nowhere FROM public.orders WHERE id::text = ANY ($1) AND $2 > 0"})
    cause = sink.wait_until_failed()
    assert "Pipeline orders: sql.documents failed in PostgreSQL" in cause
    assert 'column "nowhere" does not exist' in cause
    assert "pg2es validate --connect" in cause


def test_two_rows_for_a_root_are_one_dead_letter(make_sink: Callable[..., SinkHarness]) -> None:
    sink = make_sink(document="SELECT root.id FROM root, generate_series(1, 1 + (root.id = 2)::int)", related=[])
    sink.commit("INSERT INTO public.orders VALUES (1), (2), (3)")
    for root in (1, 2, 3):
        sink.publish("orders", after={"id": root})
    sink.deploy()
    [letter] = sink.dead_letters(1)
    assert "document 2 was rejected" in letter.reason
    assert "unreadable_row: the document SQL returned two rows for it" in letter.reason
    sink.wait_until(lambda: sink.count() == 2, lambda: f"{sink.count()} documents instead of 2")


def test_nothing_is_written_before_the_fence(sink: SinkHarness) -> None:
    sink.commit("INSERT INTO public.orders VALUES (1)")
    sink.publish("orders", after={"id": 1})
    sink.deploy(fence=False)
    sink.wait_for_metric("Retries", 1)
    assert sink.document(1) is None

    with connect(sink.database.name) as session:
        with session.transaction():
            session.execute("SELECT pg_current_xact_id()")
            sink.set_fence()
            retries = sink.metrics()["Retries"]
            # A few more tries, now with a fence: the transaction above holds it back.
            sink.wait_for_metric("Retries", retries + 3)
            assert sink.document(1) is None
        sink.wait_for_document(1, order(1))


def test_another_database_stops_the_task(sink: SinkHarness) -> None:
    sink.set_fence()
    meta = indices.read_meta(sink.elasticsearch, sink.index)
    indices.write_meta(sink.elasticsearch, sink.index, meta.with_(system_identifier="1"))
    sink.deploy(fence=False)
    cause = sink.wait_until_failed()
    assert "was filled from database 1 on timeline 1" in cause
    assert "The DAG recover_<source> adopts it" in cause


def test_an_index_that_pg2es_did_not_make_stops_the_task(sink: SinkHarness) -> None:
    other = f"{sink.index}-other"
    sink.elasticsearch.indices.create(index=other)
    sink.deploy({"index": other})
    assert f"index {other} was not made by pg2es" in sink.wait_until_failed()


def test_a_dropped_index_does_not_come_back(sink: SinkHarness) -> None:
    sink.deploy()
    sink.commit("INSERT INTO public.orders VALUES (1)")
    sink.publish("orders", after={"id": 1})
    sink.wait_for_document(1, order(1))
    sink.elasticsearch.indices.delete(index=sink.index)
    sink.publish("orders", after={"id": 1})
    sink.wait_until_failed()
    assert not sink.elasticsearch.indices.exists(index=sink.index)


@pytest.mark.parametrize(
    ("option", "cause"),
    [
        ("elasticsearch.password", "Mend the credentials"),
        ("postgres.password", "Mend postgres.user, postgres.password"),
    ],
)
def test_a_wrong_password_stops_the_task(sink: SinkHarness, option: str, cause: str) -> None:
    sink.deploy({option: "wrong"})
    assert cause in sink.wait_until_failed()


def test_a_full_disk_is_waited_for(sink: SinkHarness) -> None:
    sink.deploy()
    sink.commit("INSERT INTO public.orders VALUES (1)")
    # What Elasticsearch does to every index of a node whose disk is full.
    sink.elasticsearch.indices.put_settings(index=sink.index, settings={"index.blocks.read_only_allow_delete": True})
    sink.publish("orders", after={"id": 1})
    sink.wait_for_metric("Retries", 1)
    sink.elasticsearch.indices.put_settings(index=sink.index, settings={"index.blocks.read_only_allow_delete": None})
    sink.wait_for_document(1, order(1))


def test_validation_tells_what_is_wrong(sink: SinkHarness) -> None:
    config = sink.config
    sink.cluster.validate(sink.connector, config)
    wrong = {
        "batch.roots": "0",
        "postgres.url": "postgresql://db/shop",
        "topics": "elsewhere",
        "bulk.max.byte": "1",
        "route.root.columns": "id,number",
    }
    with pytest.raises(ConnectorError) as refused:
        sink.cluster.validate(sink.connector, config | wrong)
    for part in (
        "batch.roots: Invalid value 0",
        "Allowed is a number from 1 to 100000",
        "postgres.url: Invalid value postgresql://db/shop",
        "No route for [elsewhere]",
        "Unknown option bulk.max.byte. Known are [bulk.flights, bulk.max.bytes, bulk.timeout.ms]",
        "Route root has no sql, so its columns [id, number] must be the root's key",
    ):
        assert part in str(refused.value)
