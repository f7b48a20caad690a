"""What Airflow costs: its CPU with nothing to do, and the seconds from a trigger until the first chunk runs."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.cpu import read_cpu_seconds
from bench.ground import PIPELINE, Ground, add_pipelines, prepare_ground
from bench.polling import poll
from bench.results import Result
from demo.airflow import Airflow
from pg2es.adapters.airflow import Run
from stack.launcher import Stack

ROWS = 100_000
PIPELINES = (3, 100)
SERVERS = ("airflow-api-server", "airflow-dag-processor", "airflow-triggerer", "airflow-scheduler")
SETTLE_S = 60
IDLE_S = 180
"""Three runs of the monitor, one or two of the DAG that mends connectors."""
PATIENCE_S = 300
_NEVER_RECONCILED = "reconcile: {every_h: null}\n"


def measure_airflow() -> dict[str, Result]:
    """Return the cores that Airflow takes by the number of pipelines, and how long a backfill takes to begin."""
    results: dict[str, Result] = {}
    for pipelines in PIPELINES:
        with prepare_ground(ROWS) as ground, _airflow_of(ground, pipelines) as airflow:
            dag_id = f"backfill_{PIPELINE}"
            airflow.wait_until_parsed(dag_id, PATIENCE_S)
            started = time.monotonic()
            run = airflow.trigger(dag_id)
            poll(lambda airflow=airflow, run=run: _copies(airflow, run), PATIENCE_S)  # type: ignore[misc]
            begun = time.monotonic() - started
            airflow.wait([run], PATIENCE_S)
            whole = time.monotonic() - started
            time.sleep(SETTLE_S)
            before = read_cpu_seconds()
            time.sleep(IDLE_S)
            after = read_cpu_seconds()
        cores = sum(after[server] - before[server] for server in SERVERS) / IDLE_S
        results |= {
            f"airflow_idle_cores_{pipelines}_pipelines": Result(round(cores, 2), "cores", None, "lower"),
            f"airflow_trigger_to_first_chunk_s_{pipelines}_pipelines": Result(round(begun, 1), "s", None, "lower"),
            f"airflow_backfill_100k_rows_s_{pipelines}_pipelines": Result(round(whole, 1), "s", None, "lower"),
        }
    return results


def _copies(airflow: Airflow, run: Run) -> bool:
    states = ("running", "success")
    return any(task.task_id == "copy_chunk" and task.state in states for task in airflow.progress(run).tasks)


@contextmanager
def _airflow_of(ground: Ground, pipelines: int) -> Iterator[Airflow]:
    """Give an Airflow that reads the ground's files and those of further pipelines over the same table."""
    folder = Path(ground.clients.project.folder)
    add_pipelines(folder, pipelines - 1, _NEVER_RECONCILED)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)  # the servers may run as another user
    stack = Stack()
    environment = stack.config.environment()
    _kill(stack)
    os.environ["PG2ES_CONFIG"] = str(folder)
    try:
        stack.up(SERVERS)
        yield Airflow(*(environment[f"PG2ES_AIRFLOW_{name}"] for name in ("URL", "USER", "PASSWORD")))
    finally:
        del os.environ["PG2ES_CONFIG"]
        _kill(stack)


def _kill(stack: Stack) -> None:
    for server in SERVERS:
        stack.kill(server)
