"""Servers and workers that die under the sink, and the standalone worker."""

import os
from collections.abc import Iterator

import pytest
from psycopg import sql as text

from pg2es.adapters.connect import ConnectCluster
from stack.config import load_config
from stack.launcher import Stack
from tests.integration.sink_harness import SinkHarness, order
from tests.support import Database, connect


@pytest.fixture
def database(stack_environment: dict[str, str], unique_name: str) -> Iterator[Database]:
    """As everywhere, but without a session that the death of the server would end."""
    name, owner = text.Identifier(unique_name), text.Identifier(os.environ["PG2ES_POSTGRES_USER"])
    with connect("postgres", superuser=True) as session:
        session.execute(text.SQL("CREATE DATABASE {} OWNER {}").format(name, owner))
    yield Database(unique_name)
    with connect("postgres", superuser=True) as session:
        session.execute(text.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@pytest.mark.parametrize("server", ["elasticsearch", "postgres"])
def test_nothing_is_lost_when_a_server_dies(sink: SinkHarness, server: str) -> None:
    sink.deploy()
    sink.commit("INSERT INTO public.orders VALUES (1, NULL, 'before')")
    sink.publish("orders", after={"id": 1})
    sink.wait_for_document(1, order(1, note="before"))
    retries = sink.metrics()["Retries"]

    stack = Stack()
    transaction = sink.commit("UPDATE public.orders SET note = 'after'", "INSERT INTO public.orders VALUES (2)")
    stack.kill(server)
    try:
        sink.publish("orders", before={"id": 1}, after={"id": 1}, transaction=transaction)
        sink.publish("orders", after={"id": 2}, transaction=transaction)
        # More than the tries of one delivery: Kafka Connect has handed the records over again.
        sink.wait_for_metric("Retries", retries + 4)
    finally:
        stack.start(server)
    sink.wait_for_document(1, order(1, note="after"))
    sink.wait_for_document(2, order(2))
    sink.wait_until_running()
    assert sink.metrics()["DeadLetters"] == 0


def test_a_standalone_worker_runs_the_sink(sink: SinkHarness) -> None:
    stack = Stack()
    stack.start("connect-standalone")
    try:
        user, password = os.environ["PG2ES_CONNECT_USER"], os.environ["PG2ES_CONNECT_PASSWORD"]
        sink.cluster = ConnectCluster((load_config().url("connect_standalone"),), user, password)
        sink.deploy()
        sink.commit("INSERT INTO public.orders VALUES (1, NULL, NULL, '1'), (2, NULL, NULL, 'none')")
        sink.publish("orders", after={"id": 1})
        sink.publish("orders", after={"id": 2})
        sink.wait_for_document(1, order(1, number="1"))
        assert "document 2 was rejected" in sink.dead_letters(1)[0].reason
        assert sink.metrics()["DocumentsWritten"] == 1
    finally:
        # Its connectors are in its memory alone, so they go with it.
        stack.kill("connect-standalone")
        sink.cluster = sink.clients.connect
