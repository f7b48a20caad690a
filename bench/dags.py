"""How long Airflow takes to read all DAG files of an installation with many pipelines."""

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
_PARSE = f"""
import os, time
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
started = time.perf_counter()
dags = 0
for name in sorted(os.listdir({str(CHECKOUT / "dags")!r})):
    reading, writing = os.pipe()
    if os.fork() == 0:
        bag = DagBag(os.path.join({str(CHECKOUT / "dags")!r}, name), collect_dags=False)
        bag.collect_dags()
        assert not bag.import_errors, bag.import_errors
        os.write(writing, str(len(bag.dags)).encode())
        os._exit(0)
    os.close(writing)
    dags += int(os.read(reading, 10))
    os.wait()
print("\\n", dags, time.perf_counter() - started)
"""


def measure_dags() -> dict[str, Result]:
    """Return the seconds in which the files of an installation with 100 pipelines are read, one after the other."""
    with tempfile.TemporaryDirectory(prefix="pg2es-bench-") as folder:
        write_project(Path(folder))
        add_pipelines(Path(folder), PIPELINES - 1)
        seconds = statistics.median(_time_parsing(folder) for _ in range(ROUNDS))
    return {f"dag_parse_s_{PIPELINES}_pipelines": Result(round(seconds, 2), "s", 3, "lower")}


def _time_parsing(folder: str) -> float:
    environment = os.environ | {"PG2ES_CONFIG": folder, "PYTHONPATH": f"{CHECKOUT / 'include'}:{CHECKOUT / 'plugins'}"}
    run = subprocess.run([sys.executable, "-c", _PARSE], env=environment, capture_output=True, text=True, check=True)
    dags, seconds = run.stdout.split()[-2:]
    if int(dags) < 4 * PIPELINES:
        raise RuntimeError(f"only {dags} DAGs were found")
    return float(seconds)
