"""A connection that the network forgets while many roots are looked up: it is given up, as soon as any other."""

import pytest

from pg2es.services.generations import require_live_generation
from pg2es.services.stream import pass_barrier
from pg2es.services.waiting import wait_for
from stack.config import load_config
from tests import oracle
from tests.faults import network
from tests.integration.batch import run_backfill
from tests.support import Database, ProjectFolder

NOTES = 3_000
PATIENCE_S = 200
SLOWLY = """\
SELECT n.id FROM changed JOIN public.notes n ON n.author_id = changed.id
WHERE pg_sleep(0.002) IS NOT NULL"""
LOOKING = (
    "SELECT client_port FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'EXECUTE pg2es_whole%'"
)


@pytest.mark.long
def test_it_is_looked_up_again(streamed_folder: ProjectFolder, database: Database) -> None:
    database.execute(
        "CREATE TABLE public.authors (id bigint PRIMARY KEY, name text)",
        "CREATE TABLE public.notes (id bigint PRIMARY KEY, author_id bigint)",
        "INSERT INTO public.authors VALUES (1, 'Ada')",
        f"INSERT INTO public.notes SELECT n, 1 FROM generate_series(1, {NOTES}) n",
    )
    pipeline = streamed_folder.add_pipeline(
        "notes",
        "public.notes",
        document="SELECT root.id, a.name FROM root JOIN public.authors a ON a.id = root.author_id",
        related=[{"table": "public.authors", "roots_sql": SLOWLY}],
        stream={"spread_roots": 100},
    )
    clients = streamed_folder.clients()
    run_backfill(clients, pipeline)
    database.execute("UPDATE public.authors SET name = 'Ben'")
    found = wait_for(
        lambda: database.fetch(LOOKING),
        timeout_s=60,
        on_timeout=lambda: AssertionError("nobody looks the notes of the author up"),
    )
    with network.half_open(load_config().ports["postgres"], clients=[port for (port,) in found]):
        live = require_live_generation(clients.elasticsearch, pipeline)
        pass_barrier(clients, pipeline, live, PATIENCE_S)
        oracle.check(clients, pipeline, live)
