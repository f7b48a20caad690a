"""The barrier behind many changes, and why it waits for the source's committed offset."""

import os
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, TopicPartition
from psycopg import Connection
from psycopg.rows import TupleRow

from pg2es.adapters import kafka
from pg2es.core.config import Pipeline
from pg2es.core.errors import BarrierTimeout, ConnectorError
from pg2es.core.generations import sink_connector
from pg2es.core.sql import protocol
from pg2es.services.generations import Generation, require_live_generation
from pg2es.services.stream import pass_barrier
from pg2es.services.waiting import wait_for
from tests.integration.batch import run_backfill
from tests.support import Database, ProjectFolder, connect

ROWS = 20_000


@pytest.fixture(scope="module")
def counted(module_folder: tuple[ProjectFolder, Database]) -> "Counted":
    return Counted(*module_folder)


class Counted:
    """A table of many rows with a searchable number, and its stream."""

    def __init__(self, folder: ProjectFolder, database: Database) -> None:
        self.folder = folder
        self.database = database
        database.execute(
            "CREATE TABLE public.counted (id bigint PRIMARY KEY, n integer)",
            f"INSERT INTO public.counted SELECT n, 0 FROM generate_series(1, {ROWS}) n",
        )
        # Small requests of the producer, so that those of one partition fall behind another's.
        producer = {"producer.override.batch.size": 16_384, "producer.override.compression.type": "none"}
        folder.change(f"sources/{folder.source}.yaml", debezium=producer)
        mapping = {"mappings": {"dynamic": False, "properties": {"n": {"type": "integer"}}}}
        self.pipeline: Pipeline = folder.add_pipeline("counted", "public.counted", mapping=mapping)
        self.clients = folder.clients()
        run_backfill(self.clients, self.pipeline)
        self.generation: Generation = require_live_generation(self.clients.elasticsearch, self.pipeline)

    def pass_barrier(self, timeout_s: float = 300) -> None:
        pass_barrier(self.clients, self.pipeline, self.generation, timeout_s)

    def searchable(self, n: int) -> int:
        found = self.clients.elasticsearch.count(index=self.generation.index, query={"term": {"n": n}})
        return int(found["count"])


@pytest.fixture
def session(counted: Counted) -> Iterator[Connection[TupleRow]]:
    with connect(counted.database.name) as session:
        yield session


def test_all_that_was_committed_before_is_searchable(counted: Counted) -> None:
    counted.database.execute("UPDATE public.counted SET n = 1")
    counted.pass_barrier()
    assert counted.searchable(1) == ROWS

    counted.database.execute("DELETE FROM public.counted WHERE id % 2 = 0", "UPDATE public.counted SET n = 2")
    counted.pass_barrier()
    assert (counted.searchable(1), counted.searchable(2)) == (0, ROWS // 2)


def test_a_quiet_database_has_a_barrier_too(counted: Counted) -> None:
    counted.pass_barrier()
    counted.pass_barrier()


def test_a_stream_that_stands_still_is_named(counted: Counted) -> None:
    sink = sink_connector(counted.generation.index)
    connect_cluster = counted.clients.connect
    connect_cluster.pause(sink)
    try:
        wait_for(
            lambda: (status := connect_cluster.status(sink)) is not None and set(status.tasks) == {"PAUSED"},
            timeout_s=60,
            on_timeout=lambda: AssertionError(connect_cluster.status(sink)),
        )
        counted.database.execute("UPDATE public.counted SET n = 3 WHERE id = 1")
        with pytest.raises(BarrierTimeout, match=f"Sink {sink} is 1 records behind after 3 s"):
            counted.pass_barrier(timeout_s=3)
    finally:
        connect_cluster.resume(sink)
    counted.pass_barrier()
    assert counted.searchable(3) == 1


def test_a_missing_sink_is_named(counted: Counted) -> None:
    elsewhere = Generation(f"{counted.generation.index}-other", counted.generation.meta)
    with pytest.raises(ConnectorError, match=r"There is no sink .*-other; run the DAG connectors to deploy it"):
        pass_barrier(counted.clients, counted.pipeline, elsewhere)


def test_a_marker_in_its_topic_proves_less(counted: Counted, session: Connection[TupleRow]) -> None:
    # Were this never seen, the barrier could wait for the marker alone. It mostly is at the first try.
    assert any(_count_missing_behind_marker(counted, session) for _ in range(15))


def _count_missing_behind_marker(counted: Counted, session: Connection[TupleRow]) -> int:
    """Return how many records of changes from before a marker are not in Kafka when the marker is."""
    source, admin = counted.folder.source_model(), counted.clients.kafka
    counted.pass_barrier()
    topic = source.topic_of("public.counted")
    before = sum(kafka.end_offsets(admin, [topic]).values())
    [marker_offset] = kafka.end_offsets(admin, [source.message_topic]).values()
    consumer = Consumer(
        {"bootstrap.servers": os.environ["PG2ES_KAFKA_BOOTSTRAP"], "group.id": "marker", "fetch.wait.max.ms": 5}
    )
    consumer.assign([TopicPartition(source.message_topic, 0, marker_offset)])
    try:
        changed = sum(session.execute("UPDATE public.counted SET n = n + 1").rowcount for _ in range(2))
        session.execute(protocol.BARRIER.replace("$1", "'marker'"))
        assert consumer.poll(60) is not None
        return changed - (sum(kafka.end_offsets(admin, [topic]).values()) - before)
    finally:
        consumer.close()
