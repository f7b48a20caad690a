"""One pipeline's sink over real servers: Debezium-like records in, documents and dead letters out."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from confluent_kafka import Consumer, Producer, TopicPartition
from elasticsearch import Elasticsearch, NotFoundError
from prometheus_client.parser import text_string_to_metric_families

from pg2es.adapters import kafka
from pg2es.adapters.connect import ConnectCluster
from pg2es.adapters.elasticsearch import indices
from pg2es.core.config import Pipeline
from pg2es.core.generations import sink_connector
from pg2es.core.monitoring import ConnectorStatus
from pg2es.core.stream import connectors as render
from pg2es.services.clients import Clients
from pg2es.services.generations import Generation
from pg2es.services.stream.fence import take_fence
from pg2es.services.tables import read_tables
from pg2es.services.waiting import wait_for
from stack.config import HOST, load_config
from tests.integration.batch import make_generation
from tests.support import Database, ProjectFolder, connect
from tests.topics import read_topic

TIMEOUT_S = 60
DOCUMENT = """\
SELECT o.id, o.note, o.number, c.name AS customer,
  (SELECT json_agg(i.name ORDER BY i.id) FROM public.items i WHERE i.order_id = o.id) AS items
FROM root o LEFT JOIN public.customers c ON c.id = o.customer_id"""
TABLES = (
    "CREATE TABLE public.customers (id bigint PRIMARY KEY, name text NOT NULL)",
    "CREATE TABLE public.orders (id bigint PRIMARY KEY, customer_id bigint, note text, number text)",
    "CREATE TABLE public.items (id bigint PRIMARY KEY, order_id bigint, name text NOT NULL)",
)
# Elasticsearch rejects an order whose `number` is none.
MAPPING = {
    "settings": {"number_of_shards": 1, "number_of_replicas": 0},
    "mappings": {"dynamic": False, "properties": {"number": {"type": "long"}}},
}
RELATED = [
    {"table": "public.items", "root_key": "order_id"},
    {
        "table": "public.customers",
        "roots_sql": "SELECT o.id FROM changed c JOIN public.orders o ON o.customer_id = c.id",
        "columns": ["id"],
    },
]


def order(root: int, **fields: Any) -> dict[str, Any]:
    """Return the document of an order; fields that are NULL are not in it."""
    return {"id": root, **fields}


@dataclass(frozen=True)
class DeadLetter:
    """A record of the dead letter topic."""

    value: Any
    reason: str


@dataclass
class SinkHarness:
    """A pipeline `orders`, its first generation and its sink, which `deploy` starts."""

    folder: ProjectFolder
    database: Database
    elasticsearch: Elasticsearch
    cluster: ConnectCluster
    pipeline: Pipeline

    @classmethod
    def create(
        cls,
        folder: ProjectFolder,
        database: Database,
        elasticsearch: Elasticsearch,
        tables: tuple[str, ...] = TABLES,
        **pipeline: Any,
    ) -> "SinkHarness":
        """Make tables, topics and the generation of an orders pipeline; keys of its file may be given."""
        database.execute(*tables)
        settings = {"table": "public.orders", "document": DOCUMENT, "mapping": MAPPING, "related": RELATED} | pipeline
        model = folder.add_pipeline("orders", **settings)
        harness = cls(folder, database, elasticsearch, folder.clients().connect, model)
        kafka.ensure_topics(harness.clients.kafka, dict.fromkeys(harness.topics, 1), 1, 3_600_000)
        return harness

    @cached_property
    def clients(self) -> Clients:
        return self.folder.clients()

    @cached_property
    def generation(self) -> Generation:
        """The generation, without a fence at first."""
        return make_generation(self.clients, self.pipeline)

    @cached_property
    def _producer(self) -> Producer:
        return Producer({"bootstrap.servers": os.environ["PG2ES_KAFKA_BOOTSTRAP"], "linger.ms": 0})

    @property
    def index(self) -> str:
        return self.generation.index

    @property
    def connector(self) -> str:
        return sink_connector(self.index)

    @property
    def topics(self) -> list[str]:
        source = self.folder.source_model()
        return [
            *(source.topic_of(table) for table in self.pipeline.tables),
            *source.refresh_topics(self.pipeline.name),
            source.dead_letter_topic,
        ]

    @property
    def refresh_topics(self) -> tuple[str, str]:
        """The topics of refreshes now and later."""
        return self.folder.source_model().refresh_topics(self.pipeline.name)

    @property
    def config(self) -> render.Config:
        """The sink's configuration as pg2es renders it, reading topics from their beginning, in a hurry."""
        source = self.folder.source_model()
        platform = self.clients.project.platform
        access = self.clients.postgres(source)
        elasticsearch = self.clients.elasticsearch_access("sink_")
        target = render.SinkTarget(
            postgres_url=access.jdbc_url,
            postgres_user=access.user,
            postgres_password=source.postgres.password,
            elasticsearch_urls=elasticsearch.urls,
            elasticsearch_login=render.elasticsearch_login(platform.elasticsearch, elasticsearch.user),
            ca_certificate=elasticsearch.ca_certificate,
            client_certificate=elasticsearch.client_certificate,
            kafka_bootstrap=self.clients.kafka_access.bootstrap,
        )
        with self.clients.session(source) as session:
            tables = read_tables(session, self.generation.made_from(self.pipeline))
            version = session.info.server_version
        rendered = render.sink_config(
            tables.pipeline, source, platform, self.index, tables.sql, tables.related, target, version
        )
        hurry = {"consumer.override.auto.offset.reset": "earliest", "retry.max.ms": "500"}
        return rendered | hurry

    def set_fence(self) -> None:
        """Let the sink write once the transactions that run now have ended."""
        with self.clients.session(self.folder.source_model()) as session:
            fence = take_fence(session)
        indices.write_meta(self.elasticsearch, self.index, self.generation.meta.with_(fence=fence))

    def deploy(self, options: Mapping[str, str | None] | None = None, *, fence: bool = True) -> None:
        """Start the sink, some options changed; None leaves one out."""
        if fence:
            self.set_fence()
        config = {**self.config, **(options or {})}
        self.cluster.update(self.connector, {name: value for name, value in config.items() if value is not None})

    def remove(self) -> None:
        """Take the connector away, and what it read from."""
        self.cluster.remove(self.connector)
        for future in self.clients.kafka.delete_topics(self.topics).values():
            future.result()

    # What goes in

    def commit(self, *statements: str) -> int:
        """Run statements in one transaction and return the low half of its id, as Debezium reports it."""
        with connect(self.database.name) as session, session.transaction():
            for statement in statements:
                session.execute(statement)
            row = session.execute("SELECT pg_current_xact_id()::text::bigint & 4294967295").fetchone()
            assert row
            return int(row[0])

    def publish(
        self,
        table: str,
        *,
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
        transaction: int | None = None,
        **fields: Any,
    ) -> None:
        """Publish a change event of a table, as Debezium writes it without a schema."""
        op = "c" if before is None else "d" if after is None else "u"
        event = {"before": before, "after": after, "source": {"txId": transaction, "table": table}, "op": op}
        self.publish_raw(table, json.dumps(event | fields))

    def publish_raw(self, table: str, value: str | None) -> None:
        """Publish any text, or a tombstone."""
        self._send(self.folder.source_model().topic_of(f"public.{table}"), value)

    def request(self, value: object, *, later: bool = False) -> None:
        """Ask for a refresh as any other program would: JSON, or text as it is, into one of the refresh topics."""
        self._send(self.refresh_topics[later], value if isinstance(value, str) else json.dumps(value), key=None)

    def _send(self, topic: str, value: str | None, key: bytes | None = b"{}") -> None:
        self._producer.produce(topic, key=key, value=None if value is None else value.encode())
        assert self._producer.flush(TIMEOUT_S) == 0

    # What comes out

    def document(self, root: int | str) -> dict[str, Any] | None:
        """Return a document as it was written, without pg2es' mark; None when there is none."""
        try:
            found = self.elasticsearch.get(index=self.index, id=str(root))
        except NotFoundError:
            return None
        source = dict(found["_source"])
        assert set(source.pop("_pg2es")) == {"d0", "d1", "bucket"}
        return source

    def count(self) -> int:
        """Return the number of documents."""
        self.elasticsearch.indices.refresh(index=self.index)
        return int(self.elasticsearch.count(index=self.index)["count"])

    def wait_for_document(self, root: int | str, expected: dict[str, Any] | None) -> None:
        """Wait until a document is as expected; None: until there is none."""
        self.wait_until(
            lambda: self.document(root) == expected,
            lambda: f"document {root} is {self.document(root)} instead of {expected}",
        )

    def requested(self, *, later: bool = False) -> list[dict[str, Any]]:
        """Return every record of a refresh topic."""
        return [
            json.loads(message.value() or message.key() or b"") for message in read_topic(self.refresh_topics[later])
        ]

    def committed(self, topic: str) -> int:
        """Return the offset that the sink has committed in a topic's only partition."""
        place = (topic, 0)
        return kafka.committed_offsets(self.clients.kafka, f"connect-{self.connector}", [place]).get(place, 0)

    def wait_until_committed(self, topic: str) -> None:
        """Wait until the sink has committed the end of a topic."""
        end = sum(kafka.end_offsets(self.clients.kafka, [topic]).values())
        self.wait_until(
            lambda: self.committed(topic) == end, lambda: f"{topic}: {self.committed(topic)} is committed, not {end}"
        )

    def dead_letters(self, count: int) -> list[DeadLetter]:
        """Wait for so many dead letters and return them."""
        consumer = Consumer({"bootstrap.servers": os.environ["PG2ES_KAFKA_BOOTSTRAP"], "group.id": "dead letters"})
        consumer.assign([TopicPartition(self.folder.source_model().dead_letter_topic, 0, 0)])
        found: list[DeadLetter] = []
        try:
            while len(found) < count:
                message = consumer.poll(TIMEOUT_S)
                assert message is not None, f"{len(found)} dead letters instead of {count}; {self.status()}"
                assert message.error() is None, message.error()
                headers = dict(message.headers() or [])
                value = message.value()
                reason = headers["__connect.errors.exception.message"]
                assert isinstance(reason, bytes)
                found.append(DeadLetter(None if value is None else json.loads(value), reason.decode()))
        finally:
            consumer.close()
        return found

    def status(self) -> ConnectorStatus | None:
        return self.cluster.status(self.connector)

    def worker(self) -> str:
        """Return the service of the stack that runs the sink's task."""
        [task] = self.cluster._call("GET", f"/connectors/{self.connector}/status")["tasks"]
        return load_config().worker_at(task["worker_id"])

    def wait_until_failed(self) -> str:
        """Wait until the task has failed and return the cause."""
        self.wait_until(
            lambda: (status := self.status()) is not None and status.failed, lambda: f"not failed: {self.status()}"
        )
        status = self.status()
        assert status
        return " ".join(status.trace)

    def wait_until_running(self) -> None:
        """Wait until connector and task run."""
        self.wait_until(
            lambda: (status := self.status()) is not None and status.running, lambda: f"not running: {self.status()}"
        )

    def metrics(self) -> dict[str, int]:
        """Return the attributes of the sink's MBean, from whichever worker has the task; {} when none has."""
        found: dict[str, int] = {}
        for worker in ("connect_1", "connect_2", "connect_standalone"):
            try:
                text = urlopen(f"http://{HOST}:{load_config().ports[f'{worker}_metrics']}/metrics").read().decode()
            except URLError:  # it is down
                continue
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    if sample.name.startswith("pg2es_sink_") and sample.labels["index"] == self.index:
                        attribute, unit = _attribute_of(sample.name)
                        found[attribute] = round(sample.value / unit)
        return found

    def wait_for_metric(self, name: str, least: int) -> None:
        """Wait until a metric has at least this value."""
        self.wait_until(
            lambda: self.metrics().get(name, 0) >= least, lambda: f"{name} stays below {least}: {self.metrics()}"
        )

    def wait_until(self, check: Callable[[], bool], problem: Callable[[], str]) -> None:
        """Wait for a condition."""
        wait_for(check, timeout_s=TIMEOUT_S, on_timeout=lambda: AssertionError(f"{problem()}; {self.status()}"))


def _attribute_of(name: str) -> tuple[str, float]:
    """Return the attribute of the MBean that Prometheus calls so, and its unit there: times are in seconds."""
    name, unit = name.removeprefix("pg2es_sink_").removesuffix("_total"), 1.0
    if name.endswith("_seconds"):
        name, unit = name.removesuffix("_seconds"), 0.001
        name += "_ms" if name.endswith("_max") else "_total_ms"
    return name.title().replace("_", ""), unit
