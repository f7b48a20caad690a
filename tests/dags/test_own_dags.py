"""DAG files as somebody else writes them: all jobs in one file, and the operators among tasks of their own."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from pg2es.core.errors import ConfigError
from pg2es.core.generations import sink_connector
from pg2es.services.clients import Clients
from pg2es.services.generations import require_live_generation
from pg2es.services.stream import deploy
from tests import oracle
from tests.dags.conftest import read_dags
from tests.support import Database, ProjectFolder, connect, wait_for_state

if TYPE_CHECKING:
    from airflow.sdk import DAG

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("airflow_database")]

ALL_JOBS = """
from pg2es_airflow import make_dags

make_dags(globals(), config="../{name}")
"""

OWN = """
from airflow.sdk import DAG, chain, task

from pg2es_airflow.operators import Backfill, Reconcile, Refresh, UntilSearchable
from pg2es_airflow.project import choose

choose({folder!r})

@task
def keys():
    return [3, "4"]

with DAG("filled") as filled:
    chain(Backfill("notes", chunks=3), Reconcile(task_id="reconcile", pipeline="notes", deep="all", retries=0))

with DAG("asked") as asked:
    chain(
        [
            Refresh(task_id="of_keys", pipeline="notes", keys=keys()),
            Refresh(task_id="of_rows", pipeline="notes", where="root.id BETWEEN 10 AND {{{{ 10 + 9 }}}} -- a comment"),
        ],
        UntilSearchable(task_id="searchable", source={source!r}),
    )

with DAG("compared") as compared:
    Reconcile(task_id="reconcile", pipeline="notes", repair=False, retries=0)

with DAG("awaited") as awaited:
    UntilSearchable(task_id="searchable", source={source!r}, pipelines=["notes"])

with DAG("impatient") as impatient:
    UntilSearchable(task_id="searchable", source={source!r}, timeout=0, retries=0)

with DAG("wrong") as wrong:
    Refresh(task_id="refresh", pipeline="notes", where="colour = 1", retries=0)
"""


@pytest.fixture
def dags_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The DAGs folder of somebody else's Airflow, in which no variable names a project."""
    from airflow import settings

    folder = tmp_path / "dags"
    folder.mkdir()
    monkeypatch.setattr(settings, "DAGS_FOLDER", str(folder))
    monkeypatch.delenv("PG2ES_CONFIG")
    return folder


def write_dag(folder: Path, notes: ProjectFolder, text: str) -> Path:
    """Write a DAG file of somebody's, and return its folder."""
    (folder / "ours.py").write_text(
        text.format(folder=str(notes.folder), name=notes.folder.name, source=notes.source), encoding="utf-8"
    )
    return folder


@pytest.fixture
def own(dags_folder: Path, notes: ProjectFolder) -> "dict[str, DAG]":
    """DAGs with the operators among others."""
    return read_dags(write_dag(dags_folder, notes, OWN))


def states(dag: "DAG", **conf: Any) -> dict[str, str]:
    return {task.task_id: str(task.state) for task in dag.test(run_conf=conf).get_task_instances()}


def test_one_file_has_all_jobs(dags_folder: Path, notes: ProjectFolder) -> None:
    dags = read_dags(write_dag(dags_folder, notes, ALL_JOBS))
    jobs = {f"{job}_notes" for job in ("backfill", "reconcile", "reindex", "rollback")}
    jobs |= {f"{job}_{notes.source}" for job in ("dead_letters", "recover", "replay")}
    assert set(dags) == {"connectors", "monitor", "retire", "schema_watch", *jobs}
    assert {Path(dag.fileloc).name for dag in dags.values()} == {"ours.py"}
    assert states(dags["connectors"], action="deploy")["act"] == "success"


def test_a_folder_that_nobody_names(monkeypatch: pytest.MonkeyPatch) -> None:
    from pg2es_airflow import make_dags

    monkeypatch.delenv("PG2ES_CONFIG")
    with pytest.raises(ConfigError, match=r"Set PG2ES_CONFIG, or write make_dags\(globals\(\), config=…\)"):
        make_dags({})


def test_a_dag_that_fills_and_compares(own: "dict[str, DAG]", notes: ProjectFolder) -> None:
    run = own["filled"].test()
    assert run.state == "success"
    copied = [task for task in run.get_task_instances() if task.task_id == "backfill_notes.copy_chunk"]
    assert len(copied) >= 3
    clients = notes.clients()
    pipeline = clients.project.pipeline("notes")
    oracle.check(clients, pipeline, require_live_generation(clients.elasticsearch, pipeline))

    clients.elasticsearch.delete(index=pipeline.alias, id="7", refresh=True)
    assert states(own["filled"])["reconcile"] == "success"
    assert clients.elasticsearch.exists(index=pipeline.alias, id="7")


def test_rows_are_asked_for_and_awaited(own: "dict[str, DAG]", notes: ProjectFolder) -> None:
    assert own["filled"].test().state == "success"
    clients = notes.clients()
    pipeline = clients.project.pipeline("notes")
    spoilt = [*range(3, 5), *range(10, 20), 21]
    for number in spoilt:
        clients.elasticsearch.delete(index=pipeline.alias, id=str(number))
    assert set(states(own["asked"]).values()) == {"success"}
    # At once, without a look or a refresh of ours: that is what the sensor has promised.
    found = clients.elasticsearch.search(
        index=pipeline.alias, query={"ids": {"values": list(map(str, spoilt))}}, size=99
    )
    assert {hit["_id"] for hit in found["hits"]["hits"]} == {str(number) for number in spoilt if number != 21}


@pytest.fixture
def at_deferral(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[], object]], list[str]]:
    """Return a function that has something done when a task has given its slot back so many times."""
    from pg2es_airflow import backfill, chunks, patience

    for module in (backfill, chunks, patience):
        monkeypatch.setattr(module, "PATIENCE_S", 0.5)
    monkeypatch.setattr(patience, "PAUSE", timedelta(seconds=0.2))
    wait_aside = patience.wait_aside

    def plan(number: int, do: Callable[[], object]) -> list[str]:
        deferred: list[str] = []

        def count(operator: Any, method: str, **state: Any) -> NoReturn:
            deferred.append(operator.task_id)
            if len(deferred) == number:
                do()
            wait_aside(operator, method, **state)

        for module in (chunks, patience):
            monkeypatch.setattr(module, "wait_aside", count)
        return deferred

    return plan


def leave_behind(clients: Clients, database: Database) -> str:
    """Pause the sink of the notes, change 2,000 of them, and return its name."""
    sink = sink_connector(require_live_generation(clients.elasticsearch, clients.project.pipeline("notes")).index)
    clients.connect.pause(sink)
    wait_for_state(clients.connect, sink, lambda status: not status.running)
    database.execute("UPDATE public.notes SET note = 'changed' WHERE id <= 2000")
    return sink


def test_what_was_committed_is_searchable_however_long_it_takes(
    own: "dict[str, DAG]", notes: ProjectFolder, database: Database, at_deferral: Any
) -> None:
    assert own["filled"].test().state == "success"
    clients = notes.clients()
    pipeline = clients.project.pipeline("notes")
    sink = leave_behind(clients, database)

    deferred = at_deferral(3, lambda: clients.connect.resume(sink))
    assert states(own["awaited"]) == {"searchable": "success"}
    assert len(deferred) >= 3
    assert clients.elasticsearch.count(index=pipeline.alias, query={"term": {"note": "changed"}})["count"] == 2000


def test_chunks_wait_for_the_stream_without_a_slot(
    own: "dict[str, DAG]", notes: ProjectFolder, database: Database, at_deferral: Any
) -> None:
    assert own["filled"].test().state == "success"
    notes.change(f"sources/{notes.source}.yaml", monitor={"max_retained_wal_mb": 1})
    clients, source = notes.clients(), notes.source_model()
    clients.connect.stop(source.connector)
    wait_for_state(clients.connect, source.connector, lambda status: status.state == "STOPPED")
    database.execute("CREATE TABLE public.noise AS SELECT repeat(n::text, 100) FROM generate_series(1, 10000) n")

    def go_on() -> None:
        clients.connect.resume(source.connector)
        # PostgreSQL notes where it can begin again as time goes by, or at a checkpoint.
        database.execute_as_superuser("CHECKPOINT")

    deferred = at_deferral(3, go_on)
    assert own["filled"].test().state == "success"
    assert "backfill_notes.copy_chunk" in deferred
    oracle.check(
        clients, pipeline := clients.project.pipeline("notes"), require_live_generation(clients.elasticsearch, pipeline)
    )


def test_a_reconciliation_waits_for_the_stream_without_a_slot(
    own: "dict[str, DAG]", notes: ProjectFolder, database: Database, at_deferral: Any
) -> None:
    assert own["filled"].test().state == "success"
    clients = notes.clients()
    sink = leave_behind(clients, database)

    deferred = at_deferral(2, lambda: clients.connect.resume(sink))
    assert states(own["compared"]) == {"reconcile": "success"}
    assert len(deferred) >= 2
    assert set(deferred) == {"reconcile"}


def test_a_sensor_has_an_end(own: "dict[str, DAG]", notes: ProjectFolder, at_deferral: Any) -> None:
    assert own["filled"].test().state == "success"
    clients = notes.clients()
    source = notes.source_model().connector
    clients.connect.pause(source)
    wait_for_state(clients.connect, source, lambda status: not status.running)
    deferred = at_deferral(1, lambda: None)
    assert states(own["impatient"]) == {"searchable": "failed"}
    assert deferred == []


def test_a_fence_is_waited_for_without_a_slot(
    own: "dict[str, DAG]", notes: ProjectFolder, database: Database, at_deferral: Any
) -> None:
    deploy(notes.clients(), notes.source_model())  # a slot of PostgreSQL is not made as long as somebody writes
    with connect(database.name) as writing:
        writing.autocommit = False
        writing.execute("INSERT INTO public.notes VALUES (5000, 'before the fence')")
        deferred = at_deferral(2, writing.commit)
        assert set(states(own["filled"]).values()) == {"success"}
    assert deferred == ["backfill_notes.prepare"] * 2


def test_a_condition_that_does_not_run_says_so(own: "dict[str, DAG]") -> None:
    assert own["filled"].test().state == "success"
    assert states(own["wrong"]) == {"refresh": "failed"}
