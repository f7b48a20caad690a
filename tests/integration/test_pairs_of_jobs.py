"""Jobs on one source that begin at the same moment: nobody changes it beside who holds its lock, and all ends well."""

from concurrent.futures import ThreadPoolExecutor
from itertools import combinations_with_replacement
from threading import Barrier

import pytest

from pg2es.core.errors import Pg2esError
from pg2es.services.clients import Clients
from pg2es.services.generations import list_generations, require_live_generation
from pg2es.services.locks import locked_source
from pg2es.services.stream import deploy, find_connectors, pass_barrier
from pg2es.services.waiting import wait_for
from tests.integration.batch import check_equal, run_backfill
from tests.integration.jobs import JOBS, run_reindex
from tests.support import Database, ProjectFolder

ROWS = 10
WAITING = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"
PLACES = (
    "SELECT slot_name, restart_lsn IS NULL FROM pg_replication_slots WHERE database = current_database()",
    "SELECT pubname, tablename FROM pg_publication_tables ORDER BY 1, 2",
)

READ_ONLY = {"replay"}
"""What writes documents and notes alone, by the refresh protocol, and waits for nobody."""

LAST = ("reset-pipeline", "reset", "recover", "remove-sinks", "remove")
"""What takes positions away, or the streams: backfills have to follow, and do behind the last of them."""

TAKING = {*LAST, "reindex", "rollback", "remove-orphans"}
"""What may take away what another job of the same pipeline is about to use: that one then ends with a sentence."""

DIFFICULT = [
    ("backfill", "backfill", "tools"),
    ("backfill", "recover", "tools"),
    ("reset", "mend", "parts"),
    ("deploy", "remove", "parts"),
    ("reindex", "reset-pipeline", "tools"),
    ("rollback", "retire", "parts"),
]
EVERY = [(*pair, ("parts", "tools")[number % 2]) for number, pair in enumerate(combinations_with_replacement(JOBS, 2))]


@pytest.fixture(scope="module")
def folder(module_folder: tuple[ProjectFolder, Database]) -> ProjectFolder:
    """Pipelines `parts` and `tools` of one source, each with a generation to go back to."""
    project, database = module_folder
    for table in ("parts", "tools"):
        database.execute(
            f"CREATE TABLE public.{table} (id bigint PRIMARY KEY, n integer)",
            f"INSERT INTO public.{table} SELECT n, 0 FROM generate_series(1, {ROWS}) n",
        )
        project.add_pipeline(table, f"public.{table}")
    clients = project.clients()
    for pipeline in clients.project.pipelines.values():
        run_backfill(clients, pipeline)
        run_reindex(clients, pipeline)
    return project


@pytest.fixture
def database(module_folder: tuple[ProjectFolder, Database]) -> Database:
    return module_folder[1]


def see_world(clients: Clients, database: Database) -> object:
    """Return what belongs to the source, but for how far its streams are."""
    source = next(iter(clients.project.sources.values()))
    names = find_connectors(clients, source, None)
    return (
        {name: clients.connect.config(name) for name in names},
        [list_generations(clients.elasticsearch, pipeline) for pipeline in clients.project.pipelines.values()],
        clients.elasticsearch.indices.get_alias(index=f"{database.name}-*").body,
        [database.fetch(statement) for statement in PLACES],
    )


def check_world(clients: Clients, database: Database) -> None:
    """Do what the reports and the monitor ask for, then fail unless both streams go through and documents are equal."""
    source = next(iter(clients.project.sources.values()))
    for pipeline in clients.project.pipelines.values():
        run_backfill(clients, pipeline)
        database.execute(f"UPDATE {pipeline.table} SET n = n + 1")
    deploy(clients, source)
    for pipeline in clients.project.pipelines.values():
        pass_barrier(clients, pipeline, require_live_generation(clients.elasticsearch, pipeline))
        check_equal(clients, pipeline, ROWS)
    statuses = [clients.connect.status(name) for name in find_connectors(clients, source, None)]
    assert all(status and status.running for status in statuses), statuses


@pytest.mark.parametrize("name", [name for name in JOBS if name not in {*READ_ONLY, *LAST}] + [*LAST])
def test_nobody_changes_a_source_beside_who_holds_its_lock(
    name: str, folder: ProjectFolder, database: Database
) -> None:
    clients, others = folder.clients(), folder.clients()
    pipeline, source = clients.project.pipeline("parts"), folder.source_model()
    with ThreadPoolExecutor() as pool:
        with locked_source(clients, source):
            before = see_world(clients, database)
            job = pool.submit(JOBS[name], others, pipeline)
            wait_for(
                lambda: job.done() or database.fetch(WAITING),
                timeout_s=60,
                on_timeout=lambda: AssertionError(f"{name} neither waits nor ends"),
            )
            assert not job.done(), job.exception() or f"{name} did not wait"
            assert see_world(clients, database) == before
        job.result()
    if name == LAST[-1]:
        check_world(clients, database)


def run_both(folder: ProjectFolder, database: Database, first: str, second: str, other: str) -> None:
    """Run two jobs at the same moment, as two processes do, and judge the world behind them."""
    together = Barrier(2)

    def run(name: str, pipeline: str) -> str | None:
        clients = folder.clients()
        together.wait()
        try:
            JOBS[name](clients, clients.project.pipeline(pipeline))
        except Pg2esError as error:
            return str(error)
        return None

    with ThreadPoolExecutor() as pool:
        running = [pool.submit(run, first, "parts"), pool.submit(run, second, other)]
        said = [one.result() for one in running]
    if not {first, second} & TAKING:
        assert said == [None, None]
    check_world(folder.clients(), database)


@pytest.mark.parametrize(("first", "second", "other"), DIFFICULT)
def test_difficult_pairs(first: str, second: str, other: str, folder: ProjectFolder, database: Database) -> None:
    run_both(folder, database, first, second, other)


@pytest.mark.long
@pytest.mark.parametrize(("first", "second", "other"), EVERY)
def test_every_pair(first: str, second: str, other: str, folder: ProjectFolder, database: Database) -> None:
    run_both(folder, database, first, second, other)
