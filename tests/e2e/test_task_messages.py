"""What a user reads in the log of a task when something outside is wrong: one sentence that says what to do."""

from collections.abc import Iterator

import httpx
import pytest

from demo.airflow import Airflow
from pg2es.adapters.airflow import Run, TaskInstance
from pg2es.adapters.postgres import PostgresAccess
from pg2es.services.waiting import wait_for
from stack.launcher import Stack

TIMEOUT_S = 300
DEPLOY = {"source": "shop", "action": "deploy"}


@pytest.fixture
def wrong_password(airflow: Airflow) -> Iterator[None]:
    """An Airflow connection that reaches the shop, with a password that is not pg2es'."""
    connection = {"conn_type": "postgres", "host": "127.0.0.1", "schema": "shop", "login": "pg2es"}
    port = Stack().config.ports["postgres"]
    airflow.call(
        "POST", "/connections", json={"connection_id": "pg2es_shop", **connection, "port": port, "password": "wrong"}
    )
    yield
    httpx.delete(f"{airflow.url}/api/v2/connections/pg2es_shop", headers=airflow._headers).raise_for_status()


def _wait_for_task(airflow: Airflow, run: Run, state: str) -> TaskInstance:
    """Wait until the only task of a run is in a state."""

    def found() -> TaskInstance | None:
        tasks = airflow.progress(run).tasks
        assert state == "failed" or all(task.state != "failed" for task in tasks), tasks
        return next((task for task in tasks if task.state == state), None)

    return wait_for(
        found, timeout_s=TIMEOUT_S, on_timeout=lambda: AssertionError(f"no {state}: {airflow.progress(run)}")
    )


def _read_log(airflow: Airflow, run: Run, task: TaskInstance) -> str:
    path = f"{run.path}/taskInstances/{task.task_id}/logs/{task.attempt}"
    content = airflow.call("GET", path, params={"map_index": task.map_index, "full_content": True})["content"]
    return " ".join(str(entry) for entry in content)


def test_a_wrong_password_fails_at_once(airflow: Airflow, wrong_password: None) -> None:
    airflow.wait_until_parsed("connectors")
    run = airflow.trigger("connectors", DEPLOY)
    task = _wait_for_task(airflow, run, "failed")
    assert task.attempt == 1
    log = _read_log(airflow, run, task)
    assert "PostgreSQL shop at 127.0.0.1" in log
    assert 'refuses the login (password authentication failed for user "pg2es"). Check user and password.' in log


def test_elasticsearch_down_is_tried_again_until_it_is_up(airflow: Airflow, shop: PostgresAccess) -> None:
    airflow.wait_until_parsed("connectors")
    stack = Stack()
    stack.kill("elasticsearch")
    try:
        run = airflow.trigger("connectors", DEPLOY)
        task = _wait_for_task(airflow, run, "up_for_retry")
        log = _read_log(airflow, run, task)
        assert "Elasticsearch cannot be reached while listing the indices of" in log
        assert "is it up?" in log
    finally:
        stack.start("elasticsearch")
    airflow.wait([run], TIMEOUT_S)
