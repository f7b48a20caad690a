"""A pipeline whose file cannot be used goes on as it was, while its neighbours are deployed and mended."""

import time

import pytest

from pg2es.core.errors import ConfigError
from pg2es.services import recovery
from pg2es.services.generations import require_live_generation
from pg2es.services.stream import deploy, pass_barrier, remove_source
from tests import oracle
from tests.integration.batch import run_backfill
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
