"""Deploying and removing connectors on real workers."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from confluent_kafka.admin import ConfigResource, ResourceType  # type: ignore[attr-defined]  # not in __all__

from pg2es.adapters import kafka
from pg2es.adapters.elasticsearch import indices
from pg2es.core.config import Pipeline
from pg2es.core.errors import AccessDenied, ConnectorError, ConnectUnavailable, GenerationError, SlotLost
from pg2es.core.generations import sink_connector
from pg2es.core.monitoring import ConnectorStatus
from pg2es.core.sql import catalog
from pg2es.services import stream
from pg2es.services.backfill import prepare
from pg2es.services.clients import Clients
from pg2es.services.generations import (
    Generation,
    create_generation,
    read_generation,
    read_recipe,
    require_live_generation,
)
from pg2es.services.reindex import start_stream, swap
from pg2es.services.stream import connector, pass_barrier
from pg2es.services.waiting import wait_for
from stack.launcher import Stack
from tests.support import Database, ProjectFolder, connect


@pytest.fixture
def pipeline(streamed_folder: ProjectFolder, database: Database) -> Pipeline:
    database.execute(
        "CREATE TABLE public.notes (id bigint PRIMARY KEY, note text)",
        "CREATE TABLE public.tags (id bigint PRIMARY KEY, note_id bigint NOT NULL, tag text)",
        "ALTER TABLE public.tags REPLICA IDENTITY FULL",
    )
    return streamed_folder.add_pipeline("notes", "public.notes")


def _deploy_all(folder: ProjectFolder, pipeline: Pipeline) -> Generation:
    clients = folder.clients()
    stream.ensure_source(clients, folder.source_model())
    prepare(clients, pipeline)
    return require_live_generation(clients.elasticsearch, pipeline)


def test_life_of_a_source_and_its_sink(streamed_folder: ProjectFolder, database: Database, pipeline: Pipeline) -> None:
    clients, source = streamed_folder.clients(), streamed_folder.source_model()

    # Before any backfill there is only the source.
    assert stream.deploy(clients, source) == [source.connector]
    assert database.fetch("SELECT pubname FROM pg_publication") == [(source.publication,)]
    letters = ConfigResource(ResourceType.TOPIC, source.dead_letter_topic)
    [described] = clients.kafka.describe_configs([letters]).values()
    assert described.result()["retention.ms"].value == "-1"  # until they are resolved

    # What happened before a sink exists is the backfill's: its offsets start at the end of the topics.
    database.execute("INSERT INTO public.notes SELECT n, 'early' FROM generate_series(1, 50) n")
    topic = source.topic_of("public.notes")
    wait_for(
        lambda: sum(kafka.end_offsets(clients.kafka, [topic]).values()) == 50,
        timeout_s=60,
        on_timeout=lambda: AssertionError("no events"),
    )
    generation = _deploy_all(streamed_folder, pipeline)
    sink = sink_connector(generation.index)
    topics = [topic, *source.refresh_topics("notes")]
    ends = kafka.end_offsets(clients.kafka, topics)
    assert kafka.committed_offsets(clients.kafka, f"connect-{sink}", ends) == ends
    database.execute("INSERT INTO public.notes VALUES (100, 'late')")
    pass_barrier(clients, pipeline, generation)
    assert indices.count_documents(clients.elasticsearch, generation.index) == 1

    # Idempotent: nothing is changed, nothing restarts.
    before = {name: clients.connect.config(name) for name in (source.connector, sink)}
    assert stream.deploy(clients, source) == [source.connector, sink]
    assert {name: clients.connect.config(name) for name in (source.connector, sink)} == before

    # Changed files change the connectors: another batch size, and a table that was not captured. What the generation
    # is made from changes with its next backfill, not before.
    streamed_folder.change("pipelines/notes.yaml", related=[{"table": "public.tags", "root_key": "note_id"}])
    streamed_folder.change("pipelines/notes.yaml", stream={"batch_roots": 17})
    changed = streamed_folder.clients().project.pipeline("notes")
    stream.deploy(streamed_folder.clients(), source)
    config = clients.connect.config(sink)
    assert config
    assert config["batch.roots"] == "17"
    assert config["topics"] == ",".join(topics)
    assert _published(database) == ["notes", "tags"]
    generation = _deploy_all(streamed_folder, changed)
    config = clients.connect.config(sink)
    assert config
    assert config["topics"] == ",".join([topic, source.topic_of("public.tags"), *source.refresh_topics("notes")])
    database.execute("INSERT INTO public.tags VALUES (1, 7, 'new')")  # leads to a root that no event named
    pass_barrier(streamed_folder.clients(), changed, generation)
    assert indices.count_documents(clients.elasticsearch, generation.index) == 2

    # Secrets stay references on their way to the workers.
    assert config["elasticsearch.password"] == "${env:PG2ES_ELASTICSEARCH_SINK_PASSWORD}"

    # Removed: connectors, slot and publication; the index stays. Once more: nothing left to do.
    orphan = sink_connector(f"{pipeline.alias}-000009")  # its index is gone
    clients.connect.create(orphan, config | {"name": orphan}, initial_state="STOPPED")
    gone = [sink, orphan, source.connector, f"slot {source.slot}", f"publication {source.publication}"]
    assert stream.remove_source(clients, source) == gone
    assert not {sink, orphan, source.connector} & set(clients.connect.list_connectors())
    assert database.fetch(f"SELECT FROM pg_replication_slots WHERE slot_name = '{source.slot}'") == []
    assert database.fetch("SELECT FROM pg_publication") == []
    assert indices.count_documents(clients.elasticsearch, generation.index) == 2
    assert stream.remove_source(clients, source) == []

    # The sink missed whatever changes now: deploying alone must not pretend otherwise, a backfill's first step may.
    with pytest.raises(GenerationError, match=r"sink .* is gone with its position, so its index misses changes"):
        stream.deploy(clients, source)
    old_fence = generation.meta.fence
    again = _deploy_all(streamed_folder, changed)
    assert again.index == generation.index
    assert int(again.meta.fence or 0) > int(old_fence or 0)


def test_each_generation_is_fed_by_its_own_recipe(
    streamed_folder: ProjectFolder, database: Database, pipeline: Pipeline
) -> None:
    source, topics = streamed_folder.source_model(), streamed_folder.source_model().topic_of
    tags = "(SELECT json_agg(t.tag ORDER BY t.id) FROM public.tags t WHERE t.note_id = root.id) AS tags"
    tagged: dict[str, Any] = {
        "document": f"SELECT root.id, root.note, {tags} FROM root",
        "related": [{"table": "public.tags", "root_key": "note_id"}],
    }
    pipeline = streamed_folder.add_pipeline("notes", "public.notes", **tagged)
    clients = streamed_folder.clients()
    client = clients.elasticsearch
    old = _deploy_all(streamed_folder, pipeline)
    old_sink = sink_connector(old.index)
    before = clients.connect.config(old_sink)

    # The files say something else now. The live generation stays what it is, and what it needs is still captured.
    pipeline = streamed_folder.add_pipeline(
        "notes", "public.notes", document="SELECT id, upper(note) AS loud FROM root"
    )
    clients = streamed_folder.clients()
    assert stream.deploy(clients, source) == [source.connector, old_sink]
    assert clients.connect.config(old_sink) == before
    assert _published(database) == ["notes", "tags"]
    database.execute("INSERT INTO public.notes VALUES (1, 'a')", "INSERT INTO public.tags VALUES (1, 1, 'x')")
    pass_barrier(clients, pipeline, old)
    assert _documents(clients, old) == [{"id": 1, "note": "a", "tags": ["x"]}]

    # Another generation takes its place, and the old one is kept: both are fed, each by its own SQL.
    with clients.session(source) as session:
        new = create_generation(client, session, pipeline, read_recipe(session, pipeline), live=False)
    start_stream(clients, pipeline, new.index)
    new = read_generation(client, new.index).remember(client, verified=True)
    new_sink = sink_connector(new.index)
    assert swap(clients, pipeline, new.index, timedelta(hours=1)) == old.index
    assert stream.deploy(clients, source) == [source.connector, new_sink, old_sink]
    assert clients.connect.config(old_sink) == before
    expected = ",".join([topics("public.notes"), *source.refresh_topics("notes")])
    assert (clients.connect.config(new_sink) or {})["topics"] == expected
    assert _published(database) == ["notes", "tags"]
    database.execute("INSERT INTO public.notes VALUES (2, 'b')", "INSERT INTO public.tags VALUES (2, 2, 'y')")
    for generation in (old, new):
        pass_barrier(clients, pipeline, generation)
    assert _documents(clients, old) == [{"id": 1, "note": "a", "tags": ["x"]}, {"id": 2, "note": "b", "tags": ["y"]}]
    assert _documents(clients, new) == [{"id": 2, "loud": "B"}]

    # What the kept one needs goes away: there is no way back then, but the live one must not suffer.
    database.execute("DROP TABLE public.tags")
    assert stream.deploy(clients, source) == [source.connector, new_sink]
    assert _published(database) == ["notes"]
    database.execute("INSERT INTO public.notes VALUES (3, 'c')")
    pass_barrier(clients, pipeline, new)
    assert _documents(clients, new) == [{"id": 2, "loud": "B"}, {"id": 3, "loud": "C"}]


def _published(database: Database) -> list[str]:
    return [name for (name,) in database.fetch("SELECT tablename FROM pg_publication_tables ORDER BY 1")]


def _documents(clients: Clients, generation: Generation) -> list[dict[str, Any]]:
    """Return the documents by id, without pg2es' mark."""
    found = clients.elasticsearch.search(index=generation.index, size=100, source_excludes=["_pg2es"])
    return sorted((hit["_source"] for hit in found["hits"]["hits"]), key=lambda document: int(document["id"]))


def test_a_slot_dropped_under_its_connector_is_named(
    streamed_folder: ProjectFolder, database: Database, pipeline: Pipeline
) -> None:
    clients, source = streamed_folder.clients(), streamed_folder.source_model()
    stream.ensure_source(clients, source)
    # A connector that is stopped before it reads its slot would make it once more.
    used = f"SELECT FROM pg_replication_slots WHERE slot_name = '{source.slot}' AND active"
    wait_for(lambda: database.fetch(used), timeout_s=60, on_timeout=lambda: AssertionError("Debezium reads nothing"))
    stream.stop_connectors(clients, source.connector)
    _drop_slot(database, source.slot)
    with pytest.raises(SlotLost, match=f"Slot {source.slot} is gone .* Run the DAG recover_{source.name}"):
        stream.deploy(clients, source)


def test_a_slot_of_somebody_else_is_refused(
    streamed_folder: ProjectFolder, database: Database, pipeline: Pipeline
) -> None:
    source = streamed_folder.source_model()
    database.execute(f"SELECT pg_create_logical_replication_slot('{source.slot}', 'test_decoding')")
    with pytest.raises(ConnectorError, match=r"belongs to database .* and plugin test_decoding; choose another `slot`"):
        stream.ensure_source(streamed_folder.clients(), source)


def test_a_wrong_password_for_debezium_is_said_before_anything_is_made(
    streamed_folder: ProjectFolder, database: Database, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = streamed_folder.source_model()
    streamed_folder.change(
        f"sources/{source.name}.yaml",
        postgres=source.postgres.model_dump() | {"password": "${env:PG2ES_WRONG_PASSWORD}"},
    )
    monkeypatch.setenv("PG2ES_WRONG_PASSWORD", database.name)
    with pytest.raises(AccessDenied, match=r"PostgreSQL refuses the login .*Check user and password"):
        stream.ensure_source(streamed_folder.clients(), streamed_folder.source_model())
    assert database.fetch("SELECT FROM pg_publication") == []


def _drop_slot(database: Database, slot: str) -> None:
    with connect(database.name) as session:
        wait_for(
            lambda: (
                session.execute(
                    "SELECT FROM pg_replication_slots WHERE slot_name = %s AND NOT active", [slot]
                ).fetchone()
                is not None
            ),
            timeout_s=60,
            on_timeout=lambda: AssertionError("the slot stays in use"),
        )
        session.execute(catalog.DROP_SLOT.replace("$1", "%s"), [slot])


def test_the_last_word_of_a_removed_connectors_task_is_no_task_of_the_next_one(
    streamed_folder: ProjectFolder, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that ends after its connector was deleted writes its state behind that; here a producer does."""
    monkeypatch.setattr(connector, "RUNNING_TIMEOUT_S", 20)
    clients, source = streamed_folder.clients(), streamed_folder.source_model()
    stream.ensure_source(clients, source)
    name = source.connector
    config = clients.connect.config(name)
    assert config
    stream.remove_connector(clients, name)
    last_word = {"state": "UNASSIGNED", "trace": None, "worker_id": "127.0.0.1:1", "generation": 1}
    producer = clients.kafka_access.producer()
    producer.produce("pg2es-connect-status", key=f"status-task-{name}-0", value=json.dumps(last_word))
    assert producer.flush(30) == 0

    connector.create_stopped(clients, name, config)
    wait_for(
        lambda: clients.connect.status(name) == ConnectorStatus("STOPPED", ("UNASSIGNED",), ()),
        timeout_s=20,
        on_timeout=lambda: AssertionError(f"nobody reads what was written: {clients.connect.status(name)}"),
    )
    stream.stop_connectors(clients, name)
    stream.ensure_source(clients, source)


def test_another_access_of_the_batch_jobs_reaches_no_connector(
    streamed_folder: ProjectFolder, pipeline: Pipeline
) -> None:
    """As by a connection of Airflow: with the password of the file, its host and user would be no login."""
    clients = streamed_folder.clients()
    generation = _deploy_all(streamed_folder, pipeline)
    source = clients.project.source_of(pipeline)
    names = (source.connector, sink_connector(generation.index))
    before = [clients.connect.config(name) for name in names]
    assert [
        (config or {}).get(key) for config, key in zip(before, ("database.user", "postgres.user"), strict=True)
    ] == [clients.postgres(source).user] * 2

    password = os.environ["PG2ES_POSTGRES_SUPERUSER_PASSWORD"]
    access = replace(clients.postgres(source), host="localhost", user="postgres", password=password)
    by_connection = Clients(clients.project, lambda _: access)
    with by_connection.session(source) as session:
        assert session.info.user == "postgres"
    stream.deploy(by_connection, source)
    assert [clients.connect.config(name) for name in names] == before


def test_options_of_debezium(streamed_folder: ProjectFolder, database: Database) -> None:
    database.execute("CREATE TABLE public.notes (id bigint PRIMARY KEY)")
    pipeline, source = streamed_folder.add_pipeline("notes", "public.notes"), streamed_folder.source_model()
    file = f"sources/{source.name}.yaml"
    streamed_folder.change(file, debezium={"max.batch.size": "many", "max.queue.size": 20_000})
    clients = streamed_folder.clients()
    with pytest.raises(ConnectorError, match=r"max\.batch\.size: .* An integer is expected"):
        stream.ensure_source(clients, streamed_folder.source_model(), pipeline)
    assert clients.connect.config(source.connector) is None
    assert database.fetch("SELECT FROM pg_replication_slots WHERE database = current_database()") == []

    streamed_folder.change(file, debezium={"max.batch.size": 4096, "max.queue.size": 20_000})
    _deploy_all(streamed_folder, pipeline)
    config = clients.connect.config(source.connector) or {}
    assert (config["max.batch.size"], config["max.queue.size"]) == ("4096", "20000")
    database.execute("INSERT INTO public.notes VALUES (1)")
    live = require_live_generation(clients.elasticsearch, pipeline)
    pass_barrier(clients, pipeline, live)
    assert indices.count_documents(clients.elasticsearch, live.index) == 1


def test_a_worker_that_starts_says_of_no_connector_that_it_is_not_there(
    streamed_folder: ProjectFolder, pipeline: Pipeline
) -> None:
    _deploy_all(streamed_folder, pipeline)
    clients, source = streamed_folder.clients(), streamed_folder.source_model()
    starting = replace(clients.connect, urls=clients.connect.urls[1:])
    stack, answers = Stack(), set[str]()
    stack.kill("connect-2")
    with ThreadPoolExecutor(1) as beside:
        start = beside.submit(stack.start, "connect-2")
        while not start.done():
            try:
                answers.add("there" if starting.config(source.connector) else "not there")
            except ConnectUnavailable as error:
                answers.add("starts" if "as one does that starts" in str(error) else "unreachable")
        start.result()
    assert starting.config(source.connector)
    assert answers - {"there"} == {"starts", "unreachable"}
