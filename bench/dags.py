"""How long Airflow takes to read all DAG files of an installation with many pipelines."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.ground import add_pipelines, write_project
from bench.results import Result
from stack.config import CHECKOUT

PIPELINES = 100
ROUNDS = 3

# Airflow reads each file in a process of its own, forked from one that has imported Airflow.
_PARSE = """
import json, os, sys, time
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
started = time.perf_counter()
tasks = {}
for name in sorted(name for name in os.listdir(sys.argv[1]) if name.endswith(".py")):
    reading, writing = os.pipe()
    if os.fork() == 0:
        bag = DagBag(os.path.join(sys.argv[1], name), collect_dags=False)
        bag.collect_dags()
        assert not bag.import_errors, bag.import_errors
        with os.fdopen(writing, "w") as answer:
            json.dump([len(dag.tasks) for dag in bag.dags.values()], answer)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        tasks[name] = json.load(answer)
    os.wait()
print("\\n" + json.dumps([time.perf_counter() - started, tasks]))
"""

_PLAIN = """
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, chain
for number, tasks in enumerate({tasks}):
    with DAG(f"{name}_{{number}}", schedule=None) as dag:
        chain(*(PythonOperator(task_id=f"task_{{task}}", python_callable=print) for task in range(tasks)))
    globals()[dag.dag_id] = dag
"""

Tasks = dict[str, list[int]]
"""File → for each of its DAGs the number of tasks."""


def measure_dags() -> dict[str, Result]:
    """Return the seconds in which the files of an installation with 100 pipelines are read, one after the other.

    Beside it, how many times as long that is as reading as many DAGs of as many tasks that say nothing at all.
    """
    ours, plain = [], []
    with tempfile.TemporaryDirectory(prefix="pg2es-bench-") as name:
        folder = Path(name)
        for part in ("project", "plain"):
            (folder / part).mkdir()
        write_project(folder / "project")
        add_pipelines(folder / "project", PIPELINES - 1)
        for _ in range(ROUNDS):
            seconds, tasks = _parse(CHECKOUT / "dags", folder / "project")
            if sum(map(len, tasks.values())) < 4 * PIPELINES:
                raise RuntimeError(f"not every DAG was found: {tasks}")
            ours.append(seconds)
            for file, counts in tasks.items():
                (folder / "plain" / file).write_text(_PLAIN.format(name=Path(file).stem, tasks=counts))
            plain.append(_parse(folder / "plain", folder / "project")[0])
    seconds = statistics.median(ours)
    return {
        f"dag_parse_s_{PIPELINES}_pipelines": Result(round(seconds, 2), "s", 3, "lower"),
        f"dag_parse_vs_plain_{PIPELINES}_pipelines": Result(
            round(seconds / statistics.median(plain), 2), "ratio", None, "lower"
        ),
    }


def _parse(dags: Path, project: Path) -> tuple[float, Tasks]:
    paths = f"{CHECKOUT / 'include'}:{CHECKOUT / 'plugins'}"
    run = subprocess.run(
        [sys.executable, "-c", _PARSE, str(dags)],
        env=os.environ | {"PG2ES_CONFIG": str(project), "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, tasks = json.loads(run.stdout.splitlines()[-1])
    return seconds, tasks
