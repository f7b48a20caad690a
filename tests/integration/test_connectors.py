"""Deploying and removing connectors on real workers."""

import pytest

from pg2es.adapters import indices, kafka
from pg2es.core.errors import AccessDenied, ConnectorError, GenerationError
from pg2es.core.generation import sink_connector
from pg2es.core.pipeline import Pipeline
from pg2es.core.sql import catalog
from pg2es.services import connectors
from pg2es.services.backfill import prepare
from pg2es.services.barrier import pass_barrier
from pg2es.services.generations import Generation, require_live_generation
from pg2es.services.waiting import wait_for
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
    connectors.ensure_source(clients, folder.source_model())
    prepare(clients, pipeline)
    return require_live_generation(clients.elasticsearch, pipeline)


def test_life_of_a_source_and_its_sink(streamed_folder: ProjectFolder, database: Database, pipeline: Pipeline) -> None:
    clients, source = streamed_folder.clients(), streamed_folder.source_model()

    # Before any backfill there is only the source.
    assert connectors.deploy(clients, source) == [source.connector]
    assert database.fetch("SELECT pubname FROM pg_publication") == [(source.publication,)]

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
    assert kafka.committed_offsets(clients.kafka, f"connect-{sink}") == kafka.end_offsets(clients.kafka, [topic])
    database.execute("INSERT INTO public.notes VALUES (100, 'late')")
    pass_barrier(clients, pipeline, generation)
    assert indices.count_documents(clients.elasticsearch, generation.index) == 1

    # Idempotent: nothing is changed, nothing restarts.
    before = {name: clients.connect.config(name) for name in (source.connector, sink)}
    assert connectors.deploy(clients, source) == [source.connector, sink]
    assert {name: clients.connect.config(name) for name in (source.connector, sink)} == before

    # Changed files change the connectors: another batch size, and a table that was not captured.
    streamed_folder.change("pipelines/notes.yaml", related=[{"table": "public.tags", "root_key": "note_id"}])
    streamed_folder.change("pipelines/notes.yaml", stream={"batch_roots": 17})
    connectors.deploy(streamed_folder.clients(), source)
    config = clients.connect.config(sink)
    assert config
    assert config["batch.roots"] == "17"
    assert config["topics"] == f"{topic},{source.topic_of('public.tags')}"
    published = database.fetch("SELECT tablename FROM pg_publication_tables ORDER BY 1")
    assert published == [("notes",), ("tags",)]
    database.execute("INSERT INTO public.tags VALUES (1, 7, 'new')")  # leads to a root that no event named
    pass_barrier(streamed_folder.clients(), pipeline, generation)
    assert indices.count_documents(clients.elasticsearch, generation.index) == 2

    # Secrets stay references on their way to the workers.
    assert config["elasticsearch.password"] == "${env:PG2ES_ELASTICSEARCH_SINK_PASSWORD}"

    # Removed: connectors, slot and publication; the index stays. Once more: nothing left to do.
    orphan = sink_connector(f"{pipeline.alias}-000009")  # its index is gone
    clients.connect.create(orphan, config | {"name": orphan}, initial_state="STOPPED")
    assert connectors.remove(clients, source) == [sink, orphan, source.connector]
    assert not {sink, orphan, source.connector} & set(clients.connect.list_connectors())
    assert database.fetch(f"SELECT FROM pg_replication_slots WHERE slot_name = '{source.slot}'") == []
    assert database.fetch("SELECT FROM pg_publication") == []
    assert indices.count_documents(clients.elasticsearch, generation.index) == 2
    assert connectors.remove(clients, source) == []

    # The sink missed whatever changes now: deploying alone must not pretend otherwise, a backfill's first step may.
    with pytest.raises(GenerationError, match=r"sink .* is gone, so its index misses changes"):
        connectors.deploy(clients, source)
    old_fence = generation.meta.fence
    again = _deploy_all(streamed_folder, pipeline)
    assert again.index == generation.index
    assert int(again.meta.fence or 0) > int(old_fence or 0)


def test_a_slot_dropped_under_its_connector_is_named(
    streamed_folder: ProjectFolder, database: Database, pipeline: Pipeline
) -> None:
    clients, source = streamed_folder.clients(), streamed_folder.source_model()
    connectors.ensure_source(clients, source)
    clients.connect.stop(source.connector)
    _drop_slot(database, source.slot)
    with pytest.raises(ConnectorError, match=f"Slot {source.slot} is gone while connector .* lost to the stream"):
        connectors.deploy(clients, source)


def test_a_slot_of_somebody_else_is_refused(
    streamed_folder: ProjectFolder, database: Database, pipeline: Pipeline
) -> None:
    source = streamed_folder.source_model()
    database.execute(f"SELECT pg_create_logical_replication_slot('{source.slot}', 'test_decoding')")
    with pytest.raises(ConnectorError, match=r"belongs to database .* and plugin test_decoding; choose another `slot`"):
        connectors.ensure_source(streamed_folder.clients(), source)


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
        connectors.ensure_source(streamed_folder.clients(), streamed_folder.source_model())
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
