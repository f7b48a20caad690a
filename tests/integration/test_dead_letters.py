"""Dead letters of a real sink: what is listed, what a replay resolves and what stays, whatever ends it halfway."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from pg2es.adapters import kafka
from pg2es.adapters.elasticsearch import indices
from pg2es.adapters.kafka import DeadLetterQueue
from pg2es.core.dead_letters import Group
from pg2es.core.errors import KafkaUnavailable, PermanentError, PostgresUnavailable
from pg2es.services import dead_letters as replay
from pg2es.services.dead_letters import roots as replay_roots
from pg2es.services.generations import create_generation, read_recipe
from tests.integration.sink_harness import SinkHarness
from tests.support import ProjectFolder, connect

TABLES = (
    "CREATE TABLE public.orders (id text PRIMARY KEY, note text, number text)",
    "CREATE TABLE public.items (id bigint PRIMARY KEY, order_id text, name text)",
)
LONG = "x" * 600


@pytest.fixture
def orders(make_sink: Callable[..., SinkHarness]) -> SinkHarness:
    """A sink for orders that are refused unless `number` is one, `id` is short, and `note` is not large."""
    return make_sink(
        tables=TABLES,
        document="SELECT * FROM root",
        related=[{"table": "public.items", "root_key": "order_id"}],
        max_document_bytes=2000,
    )


def change(sink: SinkHarness, *ids: str, **values: str) -> None:
    """Insert or update orders and tell the sink, each change in a record of its own."""
    names, texts = ", ".join(values), ", ".join(f"'{value}'" for value in values.values())
    updates = ", ".join(f"{name} = EXCLUDED.{name}" for name in values)
    for identifier in ids:
        transaction = sink.commit(
            f"INSERT INTO public.orders (id, {names}) VALUES ('{identifier}', {texts}) "
            f"ON CONFLICT (id) DO UPDATE SET {updates}"
        )
        sink.publish("orders", after={"id": identifier}, transaction=transaction)


def groups(sink: SinkHarness) -> dict[str, Group]:
    """Return the groups by their names, without the index in front."""
    found = replay.list_groups(sink.clients, sink.folder.source_model())
    return {group.name.removeprefix(f"{sink.index}/"): group for group in found}


def counts(sink: SinkHarness) -> dict[str, int]:
    return {name: group.count for name, group in groups(sink).items()}


def write_letter(sink: SinkHarness, event: dict[str, Any]) -> None:
    """Write a dead letter of an order, as the sink would."""
    source = sink.folder.source_model()
    headers: dict[str, str | bytes | None] = {
        "__connect.errors.connector.name": sink.connector.encode(),
        "__connect.errors.topic": source.topic_of("public.orders").encode(),
    }
    producer = sink.clients.kafka_access.producer()
    producer.produce(source.dead_letter_topic, value=json.dumps(event), headers=headers)
    assert producer.flush(30) == 0


def wait_for_letters(sink: SinkHarness, count: int) -> None:
    """Wait until so many letters are open."""
    sink.wait_until(lambda: sum(counts(sink).values()) == count, lambda: f"open are {counts(sink)}, not {count}")


def run(sink: SinkHarness, group: str | None = None) -> tuple[int, int, int]:
    """Replay, and return how many letters were resolved, refused again, and name no root."""
    found = replay.replay(sink.clients, sink.folder.source_model(), group)
    return found.resolved, found.refused, found.unreadable


def kept(sink: SinkHarness) -> tuple[int, int]:
    """Return the first offset and the end of the dead letter topic."""
    source = sink.folder.source_model()
    consumer = sink.clients.kafka_access.consumer(source.replay_group)
    try:
        low, high = consumer.get_watermark_offsets(TopicPartition(source.dead_letter_topic, 0))
    finally:
        consumer.close()
    return low, high


def committed(sink: SinkHarness) -> int:
    source = sink.folder.source_model()
    place = (source.dead_letter_topic, 0)
    return kafka.committed_offsets(sink.clients.kafka, source.replay_group, [place])[place]


def test_poison_stays_until_its_cause_is_corrected(orders: SinkHarness) -> None:
    orders.deploy()
    change(orders, "1", number="1")
    change(orders, "bad", "worse", number="many")
    change(orders, LONG, number="2")
    change(orders, "large", note="y" * 3000)
    change(orders, "3", number="3")
    orders.wait_for_document("1", {"id": "1", "number": "1"})
    orders.wait_for_document("3", {"id": "3", "number": "3"})
    wait_for_letters(orders, 4)
    source = orders.folder.source_model()
    assert replay.list_few_groups(orders.clients, source, 4) == replay.list_groups(orders.clients, source)
    assert replay.list_few_groups(orders.clients, source, 3) is None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pg2es.adapters.kafka.dead_letters.HELD", 3)  # of so many more are read twice
        assert replay.list_few_groups(orders.clients, source, 4) == replay.list_groups(orders.clients, source)

    found = groups(orders)
    assert {name: group.count for name, group in found.items()} == {
        "document_parsing_exception/number": 2,
        "id_too_long": 1,
        "document_too_large": 1,
    }
    conflict = found["document_parsing_exception/number"]
    assert (conflict.pipeline, conflict.index, conflict.names_root) == ("orders", orders.index, True)
    assert conflict.subject == "document bad"
    assert "failed to parse field [number] of type [long]" in conflict.reason
    assert conflict.first <= conflict.last

    assert run(orders) == (0, 4, 0)
    assert counts(orders) == {name: group.count for name, group in found.items()}

    # Nobody tells the sink: a replay reads the rows as they are now.
    orders.commit(
        "UPDATE public.orders SET number = '7' WHERE number = 'many'",
        "UPDATE public.orders SET note = 'short' WHERE id = 'large'",
        f"DELETE FROM public.orders WHERE id = '{LONG}'",
    )
    assert run(orders) == (4, 0, 0)
    assert counts(orders) == {}
    assert orders.document("bad") == {"id": "bad", "number": "7"}
    assert orders.document("large") == {"id": "large", "note": "short"}
    low, end = kept(orders)
    assert committed(orders) == low == end


def test_letters_behind_one_that_stays_are_resolved_for_good(orders: SinkHarness) -> None:
    orders.deploy()
    change(orders, "a", "b", "c", number="none")
    wait_for_letters(orders, 3)
    orders.commit("UPDATE public.orders SET number = '1' WHERE id IN ('b', 'c')")
    assert run(orders) == (2, 1, 0)
    assert counts(orders) == {"document_parsing_exception/number": 1}
    assert committed(orders) == 0

    # Months later there is nothing to do again, and what came meanwhile is open.
    change(orders, "d", number="none")
    wait_for_letters(orders, 2)
    orders.commit("UPDATE public.orders SET number = '1'")
    assert run(orders) == (2, 0, 0)
    assert counts(orders) == {}


def test_one_group_is_replayed_alone(orders: SinkHarness) -> None:
    orders.deploy()
    change(orders, "a", number="none")
    change(orders, "large", note="y" * 3000)
    wait_for_letters(orders, 2)
    orders.commit("UPDATE public.orders SET number = '1', note = 'short'")
    with pytest.raises(PermanentError, match="no open dead letter of group nope"):
        run(orders, "nope")
    assert run(orders, f"{orders.index}/document_too_large") == (1, 0, 0)
    assert counts(orders) == {"document_parsing_exception/number": 1}


def test_a_record_of_a_related_table_leads_to_its_roots(orders: SinkHarness) -> None:
    orders.commit("INSERT INTO public.orders VALUES ('a', NULL, 'none')", "INSERT INTO public.items VALUES (5, 'a')")
    orders.deploy()
    orders.publish("items", after={"id": 5, "order_id": "a"})
    wait_for_letters(orders, 1)
    orders.commit("UPDATE public.orders SET number = '1'")
    assert run(orders) == (1, 0, 0)
    assert orders.document("a") == {"id": "a", "number": "1"}


def test_a_transaction_that_is_not_visible_is_waited_for_and_a_lost_one_is_not(
    orders: SinkHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders.set_fence()
    orders.commit("INSERT INTO public.orders VALUES ('a', NULL, '1')")
    monkeypatch.setattr(replay_roots, "VISIBLE_TIMEOUT_S", 0)
    with connect(orders.database.name) as session, session.transaction(force_rollback=True):
        [[running]] = session.execute("SELECT pg_current_xact_id()::text::bigint").fetchall()
        write_letter(orders, {"op": "c", "after": {"id": "a"}, "source": {"txId": running + 1_000_000}})
        assert run(orders) == (1, 0, 0)
        write_letter(orders, {"op": "c", "after": {"id": "a"}, "source": {"txId": running}})
        with pytest.raises(PostgresUnavailable, match=f"Transaction {running}"):
            run(orders)
    assert run(orders) == (1, 0, 0)  # it was rolled back
    assert orders.document("a") == {"id": "a", "number": "1"}


def test_what_names_no_root_is_kept_until_somebody_discards_it(orders: SinkHarness) -> None:
    orders.deploy()
    orders.request({"keys": "all of them"})
    orders.publish("orders", after={"note": "no key"})
    orders.publish_raw("orders", "{")
    change(orders, "a", number="none")
    wait_for_letters(orders, 4)
    found = groups(orders)
    assert {name: (group.count, group.names_root) for name, group in found.items()} == {
        "UnusableRecordException": (1, False),
        "UnusableRecordException/id": (1, False),
        "DataException": (1, False),
        "document_parsing_exception/number": (1, True),
    }
    assert "expected is" in found["UnusableRecordException"].reason

    orders.commit("UPDATE public.orders SET number = '1'")
    result = replay.replay(orders.clients, orders.folder.source_model())
    assert (result.resolved, result.unreadable) == (1, 3)
    samples = " ".join(result.samples)
    for part in ('it has no "keys"', "it has no column id", "it is not JSON"):
        assert part in samples

    for name in list(groups(orders)):
        assert replay.discard(orders.clients, orders.folder.source_model(), f"{orders.index}/{name}") == 1
    assert counts(orders) == {}


def test_letters_of_a_refresh_topic_are_replayed_by_their_keys(orders: SinkHarness) -> None:
    orders.deploy()
    orders.commit("INSERT INTO public.orders (id, number) VALUES ('a', 'none'), ('b', '2')")
    orders.request({"keys": [["a"], ["b"]]})
    wait_for_letters(orders, 1)
    assert counts(orders) == {"document_parsing_exception/number": 1}
    assert orders.document("b") == {"id": "b", "number": "2"}
    assert run(orders) == (0, 1, 0)

    orders.commit("UPDATE public.orders SET number = '1' WHERE id = 'a'")
    assert run(orders) == (1, 0, 0)
    assert orders.document("a") == {"id": "a", "number": "1"}


def test_a_crash_neither_loses_nor_repeats_a_letter(orders: SinkHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    orders.deploy()
    change(orders, "a", number="none")
    wait_for_letters(orders, 1)
    orders.commit("UPDATE public.orders SET number = '1'")

    def die(*_: Any) -> None:
        raise KafkaUnavailable("killed")

    for step, left in (("resolve", 1), ("commit", 0)):  # after the refresh; after the note
        with monkeypatch.context() as patch:
            patch.setattr(DeadLetterQueue, step, die)
            with pytest.raises(KafkaUnavailable):
                run(orders)
        assert orders.document("a") == {"id": "a", "number": "1"}
        assert sum(counts(orders).values()) == left
    assert run(orders) == (0, 0, 0)
    low, end = kept(orders)
    assert low == end


@pytest.mark.parametrize("old", ["replaced", "removed"])
def test_letters_of_a_generation_that_is_not_searched_are_judged_by_the_live_one(orders: SinkHarness, old: str) -> None:
    orders.deploy()
    change(orders, "a", number="none")
    wait_for_letters(orders, 1)
    source, client = orders.folder.source_model(), orders.elasticsearch
    mapping = {"mappings": {"dynamic": False, "properties": {"number": {"type": "keyword"}}}}
    orders.folder.write("mappings/orders.json", mapping)
    clients = orders.folder.clients()
    pipeline = clients.project.pipeline("orders")
    with clients.session(source) as session:
        new = create_generation(client, session, pipeline, read_recipe(session, pipeline), live=False)
    assert run(orders) == (0, 1, 0)  # while the new one is made

    new.remember(client, fence="3")
    indices.point_alias(client, pipeline.alias, new.index, orders.index)
    if old == "removed":
        orders.cluster.remove(orders.connector)
        indices.remove_index(client, orders.index)
    else:
        orders.generation.remember(client, replaced_at=datetime.now(UTC), keep_until=datetime.now(UTC))
    assert run(orders) == (1, 0, 0)
    assert client.get(index=new.index, id="a")["_source"]["number"] == "none"


def test_letters_of_an_index_that_no_file_has_stay(orders: SinkHarness) -> None:
    orders.deploy()
    change(orders, "a", number="none")
    wait_for_letters(orders, 1)
    (orders.folder.folder / "pipelines" / "orders.yaml").unlink()
    clients, source = orders.folder.clients(), orders.folder.source_model()
    [group] = replay.list_groups(clients, source)
    assert group.pipeline is None
    found = replay.replay(clients, source)
    assert (found.resolved, found.unreadable) == (0, 1)
    assert f"no pipeline of source {source.name} has index {orders.index}" in found.samples[0]


def test_before_the_first_deployment_there_are_none(project_folder: ProjectFolder) -> None:
    clients, source = project_folder.clients(), project_folder.source_model()
    assert replay.list_groups(clients, source) == []
    found = replay.replay(clients, source)
    assert (found.resolved, found.left) == (0, 0)
