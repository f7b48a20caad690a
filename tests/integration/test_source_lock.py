"""Jobs that change the world of one source at the same moment: one after the other, and both do what they should."""

from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from pg2es.core.errors import SourceBusy
from pg2es.services import locks
from pg2es.services.stream import positions
from pg2es.services.waiting import wait_for
from tests.integration.batch import check_equal, run_backfill
from tests.support import Database, ProjectFolder

WAITING = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"
ROWS = 10


@pytest.fixture
def folder(streamed_folder: ProjectFolder, database: Database) -> ProjectFolder:
    """Pipelines `parts` and `tools` of a source that was never deployed."""
    for table in ("parts", "tools"):
        database.execute(
            f"CREATE TABLE public.{table} (id bigint PRIMARY KEY)",
            f"INSERT INTO public.{table} SELECT generate_series(1, {ROWS})",
        )
        streamed_folder.add_pipeline(table, f"public.{table}")
    return streamed_folder


def test_two_backfills_make_the_connector_of_their_source_at_the_same_moment(
    folder: ProjectFolder, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first, about to give the source its position, waits until the other is over, or waits for the first."""
    clients = folder.clients()
    begin = positions.begin_source
    others: list[Future[object]] = []

    def begin_late(*arguments: object) -> None:
        if not others:
            others.append(pool.submit(run_backfill, folder.clients(), clients.project.pipeline("tools")))
            wait_for(
                lambda: others[0].done() or database.fetch(WAITING),
                timeout_s=60,
                on_timeout=lambda: AssertionError("the other backfill neither waits nor ends"),
            )
        begin(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(positions, "begin_source", begin_late)
    with ThreadPoolExecutor() as pool:
        run_backfill(clients, clients.project.pipeline("parts"))
        others[0].result()
    for pipeline in clients.project.pipelines.values():
        check_equal(clients, pipeline, ROWS)


def test_who_holds_the_lock_for_too_long_is_named(
    project_folder: ProjectFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "LOCK_TIMEOUT_S", 0.1)
    source = project_folder.source_model()

    def lock() -> None:
        with locks.locked_source(project_folder.clients(), source):
            pass

    with locks.locked_source(project_folder.clients(), source), ThreadPoolExecutor() as pool:
        lock()  # a step of what holds it
        with pytest.raises(SourceBusy, match=rf"changing source {source.name} .* \(PostgreSQL process \d+, from 127"):
            pool.submit(lock).result()
    lock()
