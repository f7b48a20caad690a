"""The client of Airflow's REST API, on the real Airflow, with a DAG of its own."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from demo.airflow import Airflow
from pg2es.adapters.airflow import Progress, Run, RunState
from pg2es.core.errors import AccessDenied, AirflowError, AirflowUnavailable
from pg2es.services.waiting import wait_for
from stack.config import HOST, load_config

TIMEOUT_S = 240
WAITING_FOR_A_RUN = """\
SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE dag\\_run %'"""
DAG_FILE = '''\
"""Written by a test, which removes it."""

from airflow.sdk import Param, dag, task


@dag(dag_id="{dag_id}", schedule=None, params={{"bad": Param(None, type=["null", "integer"])}})
def numbers():
    @task
    def first():
        return [1, 2, 3]

    @task
    def double(number, params=None):
        if number == params["bad"]:
            raise ValueError(f"{{number}} cannot be doubled")
        return 2 * number

    double.expand(number=first())


@dag(dag_id="{dag_id}_paused", schedule=None)
def paused():
    @task
    def nothing():
        pass

    nothing()


numbers()
paused()
'''


@pytest.fixture(scope="module")
def airflow_dsn(stack_environment: dict[str, str]) -> str:
    """How Airflow's own database is reached."""
    config = load_config()
    return (
        f"postgresql://airflow:{config.credentials['AIRFLOW_DB_PASSWORD']}@{HOST}:{config.ports['airflow_db']}/airflow"
    )


@pytest.fixture(scope="module")
def dag_id(airflow: Airflow) -> Iterator[str]:
    name = "test_demo_airflow"
    file = Path(__file__).parents[2] / "dags" / f"{name}.py"
    file.write_text(DAG_FILE.format(dag_id=name), encoding="utf-8")
    try:
        airflow.wait_until_parsed(name)
        yield name
    finally:
        file.unlink()
        airflow.delete_dag(name)
        airflow.delete_dag(f"{name}_paused")


def test_a_run_is_watched_to_its_end(airflow: Airflow, dag_id: str) -> None:
    seen: list[Progress] = []
    run = airflow.trigger(dag_id)
    airflow.wait([run], TIMEOUT_S, lambda _run, progress: seen.append(progress))
    assert seen[-1].state is RunState.SUCCESS
    assert sorted(map(str, seen[-1].tasks)) == ["double[0]", "double[1]", "double[2]", "first"]
    assert seen[-1].done == 4


def test_a_failure_says_what_the_task_said(airflow: Airflow, dag_id: str) -> None:
    run = airflow.trigger(dag_id, {"bad": 2})
    with pytest.raises(AirflowError, match=r"task double\[1\]: ValueError: 2 cannot be doubled"):
        airflow.wait([run], TIMEOUT_S)


def test_a_param_that_is_refused_says_why(airflow: Airflow, dag_id: str) -> None:
    with pytest.raises(AirflowError, match="'x' is not of type 'null', 'integer'"):
        airflow.trigger(dag_id, {"bad": "x"})


def test_a_run_can_be_ended(airflow: Airflow, dag_id: str) -> None:
    run = airflow.trigger(dag_id)
    assert airflow.end_active_runs(dag_id) == 1
    with pytest.raises(AirflowError, match=f"DAG {dag_id} has failed"):
        airflow.wait([run], TIMEOUT_S)


def test_a_deadlock_with_the_scheduler_fails_nothing(airflow: Airflow, dag_id: str, airflow_dsn: str) -> None:
    """Here the test takes the scheduler's place: it holds the run and asks for its task, which Airflow holds.

    The real scheduler, which leaves the runs of a paused DAG alone, must not take part: it may not outlive a deadlock.
    """
    dag_id = f"{dag_id}_paused"
    run = airflow.create_run(dag_id)
    with psycopg.connect(airflow_dsn) as scheduler, psycopg.connect(airflow_dsn, autocommit=True) as watch:
        scheduler.execute("SELECT FROM dag_run WHERE run_id = %s FOR UPDATE", [run.run_id])
        with ThreadPoolExecutor() as pool:
            ended = pool.submit(airflow.end_active_runs, dag_id)
            wait_for(
                lambda: watch.execute(WAITING_FOR_A_RUN).fetchall(),
                timeout_s=TIMEOUT_S,
                on_timeout=lambda: AssertionError("nobody waits for the run"),
            )
            scheduler.execute("SELECT FROM task_instance WHERE run_id = %s FOR UPDATE", [run.run_id])
            scheduler.rollback()
            assert ended.result() == 1
    with pytest.raises(AirflowError, match=f"DAG {dag_id} has failed"):
        airflow.wait([run], TIMEOUT_S)


def test_a_run_that_does_not_end_is_given_up(airflow: Airflow, dag_id: str) -> None:
    with pytest.raises(AirflowError, match=f"DAG {dag_id} runs for more than 0 s"):
        airflow.wait([airflow.trigger(dag_id)], 0)
    airflow.end_active_runs(dag_id)


def test_a_dag_that_is_not_there(airflow: Airflow) -> None:
    with pytest.raises(AirflowError, match="Airflow has no DAG nowhere after 0 s"):
        airflow.wait_until_parsed("nowhere", timeout_s=0)


def test_a_run_that_is_not_there(airflow: Airflow, dag_id: str) -> None:
    with pytest.raises(AirflowError, match="Airflow answers 404 to GET"):
        airflow.progress(Run(dag_id, "nothing"))


def test_a_wrong_password(airflow: Airflow) -> None:
    with pytest.raises(AccessDenied, match=r"refuses the login of admin. Check user and password"):
        Airflow(airflow.url, airflow.user, "wrong").trigger("connectors")


def test_no_airflow() -> None:
    with pytest.raises(AirflowUnavailable, match=r"Airflow at http://127.0.0.1:1 cannot be reached"):
        Airflow("http://127.0.0.1:1", "admin", "").trigger("connectors")
