"""A pipeline whose file cannot be used goes on as it was, while its neighbours are deployed and mended."""

import time

import pytest

from pg2es.core.errors import CatalogError, ConfigError, GenerationError
from pg2es.core.stream import Steering
from pg2es.services import backfill, recovery
from pg2es.services.generations import read_generation, require_live_generation
from pg2es.services.stream import deploy, pass_barrier, remove_source, steer
from tests import oracle
from tests.integration.batch import run_backfill
from tests.integration.streamed import Streamed
from tests.support import Database, ProjectFolder


def test_what_is_set_aside_goes_on(streamed_folder: ProjectFolder, database: Database) -> None:
    for table in ("broken", "sound", "added"):
        database.execute(
            f"CREATE TABLE public.{table} (id bigint PRIMARY KEY, note text)",
            f"INSERT INTO public.{table} SELECT n FROM generate_series(1, 10) n",
        )
    broken, sound = (streamed_folder.add_pipeline(name, f"public.{name}") for name in ("broken", "sound"))
    before, source = streamed_folder.clients(), streamed_folder.source_model()
    for pipeline in (broken, sound):
        run_backfill(before, pipeline)
    connector = before.connect.config(source.connector)

    streamed_folder.write("pipelines/broken.yaml", "source: [")
    clients = streamed_folder.clients()
    assert [one.name for one in clients.project.aside] == ["broken"]
    deploy(clients, source)
    recovery.mend(clients, source, {}, time.time())
    assert clients.connect.config(source.connector) == connector
    added = streamed_folder.add_pipeline("added", "public.added")
    clients = streamed_folder.clients()
    run_backfill(clients, added)
    for change in (remove_source, recovery.stop_streams):
        with pytest.raises(ConfigError, match="Pipeline broken may belong to source"):
            change(clients, source)

    database.execute(*(f"UPDATE public.{table} SET note = 'new'" for table in ("broken", "sound", "added")))
    for servers, pipeline in ((before, broken), (clients, sound), (clients, added)):
        live = require_live_generation(servers.elasticsearch, pipeline)
        pass_barrier(servers, pipeline, live)
        oracle.check(servers, pipeline, live)


def test_the_only_pipeline_of_a_source_is_set_aside(streamed_folder: ProjectFolder, database: Database) -> None:
    streamed = Streamed(streamed_folder, database)
    before, source, live, sink = streamed.clients, streamed.source, streamed.live, streamed.sink
    connector = before.connect.config(source.connector)
    streamed_folder.write("pipelines/parts.yaml", "source: [")
    clients = streamed_folder.clients()
    assert str(recovery.mend(clients, source, {}, time.time())) == "Nothing to do."
    assert clients.connect.config(source.connector) == connector
    for steering in (Steering.STOP, Steering.RESUME):
        assert steer(clients, source, None, steering) == [source.connector, sink]

    database.execute(f"ALTER PUBLICATION {source.publication} DROP TABLE public.parts")
    shares = streamed_folder.add_pipeline("shares", "public.parts")
    run_backfill(streamed_folder.clients(), shares)
    assert read_generation(before.elasticsearch, live.index).meta.gap
    streamed.change("new")
    pass_barrier(before, streamed.pipeline, live)
    oracle.check(before, streamed.pipeline, live)


def test_what_cannot_be_streamed_holds_up_no_other(streamed_folder: ProjectFolder, database: Database) -> None:
    streamed = Streamed(streamed_folder, database)
    database.execute("CREATE TABLE public.nullable (id bigint UNIQUE)")
    refused = [
        streamed_folder.add_pipeline("missing", "public.missing"),
        streamed_folder.add_pipeline("nullable", "public.nullable", key="id"),
        streamed_folder.add_pipeline("leading", "public.parts", related=[{"table": "public.gone", "root_key": "id"}]),
    ]
    clients, source = streamed.clients, streamed.source
    for pipeline in refused:
        with pytest.raises((CatalogError, GenerationError), match="public"):
            backfill.prepare(clients, pipeline)
    assert deploy(clients, source) == [source.connector, streamed.sink]
    assert str(recovery.mend(clients, source, {}, time.time())) == "Nothing to do."
    run_backfill(clients, streamed.pipeline)
    streamed.change("new")
    streamed.check_equal()

    database.execute("ALTER TABLE public.parts RENAME TO away")
    with pytest.raises(CatalogError, match=r"public\.parts"):  # its index would miss changes
        deploy(clients, source)
    database.execute("ALTER TABLE public.away RENAME TO parts")
    deploy(clients, source)
    streamed.check_equal()
