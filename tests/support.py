"""What the tests that need servers share: databases of their own, and project folders."""

import json
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import yaml
from elasticsearch import Elasticsearch
from psycopg import sql
from psycopg.rows import TupleRow

from pg2es.adapters.connect import ConnectCluster
from pg2es.core.config import Pipeline, Source, load_project
from pg2es.core.monitoring import ConnectorStatus
from pg2es.services.clients import Clients
from pg2es.services.stream import find_connectors
from pg2es.services.waiting import wait_for

CHECKOUT = Path(__file__).parent.parent
MAPPING: dict[str, Any] = {
    "settings": {"number_of_shards": 1, "number_of_replicas": 0},
    "mappings": {"dynamic": False, "properties": {}},
}


def new_name() -> str:
    """Return a name that no other test has: of databases, sources, prefixes of aliases."""
    return f"t{uuid.uuid4().hex[:12]}"


def connect(database: str, *, superuser: bool = False, **options: Any) -> psycopg.Connection[TupleRow]:
    """Return an autocommit connection to a database of the stack's PostgreSQL."""
    role = "PG2ES_POSTGRES_SUPERUSER" if superuser else "PG2ES_POSTGRES_USER"
    password = "PG2ES_POSTGRES_SUPERUSER_PASSWORD" if superuser else "PG2ES_POSTGRES_PASSWORD"
    return psycopg.connect(
        host=os.environ["PG2ES_POSTGRES_HOST"],
        port=int(os.environ["PG2ES_POSTGRES_PORT"]),
        dbname=database,
        user=os.environ[role],
        password=os.environ[password],
        autocommit=True,
        **options,
    )


@dataclass(frozen=True)
class Database:
    """A database that one test has for itself. Role pg2es owns it."""

    name: str

    def execute(self, *statements: str) -> None:
        """Run statements as pg2es, each in a transaction of its own."""
        self._execute(statements, superuser=False)

    def execute_as_superuser(self, *statements: str) -> None:
        """Run statements as the superuser; what they create is not pg2es' own."""
        self._execute(statements, superuser=True)

    def fetch(self, statement: str) -> list[TupleRow]:
        """Return the rows of a query."""
        with connect(self.name) as session:
            return session.execute(statement).fetchall()

    def _execute(self, statements: tuple[str, ...], *, superuser: bool) -> None:
        with connect(self.name, superuser=superuser) as session:
            for statement in statements:
                session.execute(statement)


@contextmanager
def temporary_database(name: str) -> Iterator[Database]:
    """Give a fresh database that role pg2es owns; dropped with its slots at the end."""
    identifier = sql.Identifier(name)
    owner = sql.Identifier(os.environ["PG2ES_POSTGRES_USER"])
    with connect("postgres", superuser=True) as session:
        session.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(identifier, owner))
    try:
        yield Database(name)
    finally:
        with connect("postgres", superuser=True) as session:
            wait_for(
                lambda: _drop(session, name),
                timeout_s=60,
                on_timeout=lambda: AssertionError(f"slots of {name} stay in use"),
            )


def _drop(session: psycopg.Connection[TupleRow], database: str) -> bool:
    """Drop a database with its slots, and return whether that was possible.

    A connector that was removed in the midst of its start may take its slot once more, after it was seen free, or make
    it once more, after it was dropped.
    """
    slots = "FROM pg_replication_slots WHERE database = %s"
    try:
        session.execute(f"SELECT pg_drop_replication_slot(slot_name) {slots}".encode(), [database])
        session.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))
    except psycopg.errors.ObjectInUse:
        session.execute(f"SELECT pg_terminate_backend(active_pid) {slots} AND active".encode(), [database])
        return False
    return True


def drop_slot(database: Database, slot: str, *then: str) -> None:
    """End whoever reads a slot and drop it before anybody comes back, then run statements of the superuser at once."""
    with connect(database.name, superuser=True) as session:

        def drop() -> bool:
            try:
                session.execute(
                    "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s AND active",
                    [slot],
                )
                session.execute("SELECT pg_drop_replication_slot(%s)", [slot])
            except psycopg.errors.ObjectInUse:
                return False
            return True

        wait_for(drop, timeout_s=90, on_timeout=lambda: AssertionError(f"slot {slot} stays in use"))
        for statement in then:
            session.execute(statement.encode())


@contextmanager
def temporary_prefix(client: Elasticsearch, name: str) -> Iterator[str]:
    """Give a prefix for aliases and indices; what has it is deleted at the end."""
    yield f"{name}-"
    # Names, because wildcards are refused for deleting.
    if found := list(client.indices.get(index=f"{name}-*", features=["aliases"]).body):
        client.indices.delete(index=found)


@dataclass(frozen=True)
class ProjectFolder:
    """A configuration folder. Pipelines read source `source` and write to aliases that begin with `prefix`."""

    folder: Path
    source: str
    prefix: str

    @classmethod
    def create(cls, folder: Path, database: Database, prefix: str) -> "ProjectFolder":
        """Write platform and source; source, slot, topics and aliases get names of their own."""
        project = cls(folder, database.name, prefix)
        if not (folder / "platform.yaml").exists():
            project.write("platform.yaml", (CHECKOUT / "include" / "platform.yaml").read_text(encoding="utf-8"))
        postgres = {
            "host": "${env:PG2ES_POSTGRES_HOST}",
            "port": "${env:PG2ES_POSTGRES_PORT}",
            "database": database.name,
            "user": "${env:PG2ES_POSTGRES_USER}",
            "password": "${env:PG2ES_POSTGRES_PASSWORD}",
        }
        project.write(f"sources/{database.name}.yaml", {"postgres": postgres})
        return project

    def write(self, path: str, content: object) -> Path:
        """Write a file at once, as others may read it: text as it is, other content as JSON (which is YAML, too)."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f"{file.name}.part")
        part.write_text(content if isinstance(content, str) else json.dumps(content, indent=2), encoding="utf-8")
        return part.replace(file)

    def change(self, path: str, **values: Any) -> None:
        """Change top-level keys of a YAML file."""
        content = yaml.safe_load((self.folder / path).read_text(encoding="utf-8"))
        self.write(path, content | values)

    def add_pipeline(
        self,
        name: str,
        table: str,
        *,
        document: str | None = None,
        mapping: dict[str, Any] | None = None,
        **keys: Any,
    ) -> Pipeline:
        """Write a pipeline with its document SQL and mapping, and return it as loaded."""
        content = {"source": self.source, "table": table, "alias": f"{self.prefix}{name}", **keys}
        if document is not None:
            self.write(f"documents/{name}.sql", document)
            content["document"] = f"{name}.sql"
        self.write(f"mappings/{name}.json", MAPPING if mapping is None else mapping)
        self.write(f"pipelines/{name}.yaml", content)
        return self.clients().project.pipeline(name)

    def clients(self) -> Clients:
        """Return clients of the servers, for the files as they are now."""
        return Clients(load_project(self.folder))

    def source_model(self) -> Source:
        """Return the source as loaded."""
        return self.clients().project.source(self.source)


@contextmanager
def temporary_stream(folder: Path, client: Elasticsearch) -> Iterator[tuple[ProjectFolder, Database]]:
    """Give a configuration folder whose connectors may be deployed, with its database; all of it goes at the end."""
    name = new_name()
    with temporary_database(name) as database, temporary_prefix(client, name) as prefix:
        project = ProjectFolder.create(folder / "include", database, prefix)
        yield project, database
        remove_stream(project.clients(), project.source_model())


def open_elasticsearch(*, superuser: bool = False) -> Elasticsearch:
    """Return a client of the batch jobs' user, or of the superuser."""
    user = "PG2ES_ELASTICSEARCH_SUPERUSER" if superuser else "PG2ES_ELASTICSEARCH_USER"
    password = "PG2ES_ELASTICSEARCH_SUPERUSER_PASSWORD" if superuser else "PG2ES_ELASTICSEARCH_PASSWORD"
    return Elasticsearch(
        os.environ["PG2ES_ELASTICSEARCH_URLS"].split(","), basic_auth=(os.environ[user], os.environ[password])
    )


def ask_each_worker(connect: ConnectCluster, connector: str) -> list[ConnectorStatus | None]:
    """Return what each worker of Kafka Connect says of a connector: one may hear of a change later than another."""
    return [replace(connect, urls=(url,)).status(connector) for url in connect.urls]


def wait_for_state(connect: ConnectCluster, connector: str, condition: Callable[[ConnectorStatus], bool]) -> None:
    """Return when a condition holds for what each worker says of a connector."""
    wait_for(
        lambda: all(status and condition(status) for status in ask_each_worker(connect, connector)),
        timeout_s=60,
        on_timeout=lambda: AssertionError(f"{connector}: {connect.status(connector)}"),
    )


def remove_stream(clients: Clients, source: Source) -> None:
    """Take away the connectors and topics of a source, whatever state they are in; its database then has no reader."""
    for name in find_connectors(clients, source, None):
        clients.connect.remove(name)
    with connect("postgres", superuser=True) as session:
        used = "SELECT FROM pg_replication_slots WHERE slot_name = %s AND active"
        wait_for(
            lambda: session.execute(used, [source.slot]).fetchone() is None,
            timeout_s=60,
            on_timeout=lambda: AssertionError(f"Debezium still reads slot {source.slot}"),
        )
    topics = [topic for topic in clients.kafka.list_topics(timeout=30).topics if source.topic_prefix in topic]
    for future in clients.kafka.delete_topics(topics).values() if topics else ():
        future.result()
