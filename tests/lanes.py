"""Lanes: the stacks that tests run on side by side, each with data, ports and servers of its own.

A test kills servers and holds transactions that hold up every stream of its PostgreSQL, so two tests never share a
stack at the same time. Two lanes have no Airflow; pytest-xdist hands them the modules of integration, DAG and fault
tests, one lane to each of its workers. The third has Airflow, and the end-to-end tests.
"""

import os
import subprocess
import sys
from pathlib import Path

from stack.config import CHECKOUT, ENVIRONMENT_PREFIX, FILE_VARIABLE

DATA = CHECKOUT / ".stack" / "test"
BARE = 2
"""How many lanes have no Airflow: the first ones."""
AIRFLOW = 3
"""Number of the lane with Airflow."""
OTHER_VERSIONS = 4
"""Number of the lane whose servers are of other versions; the tests that need it start it."""
BARE_SERVICES = ("postgres", "airflow-db", "kafka", "elasticsearch", "connect-1", "connect-2")
"""Airflow's PostgreSQL is there as a second one, with other settings."""
PORTS_APART = 200


def variables(lane: int) -> dict[str, str]:
    """Return the environment variables that make a lane's stack the one that everything talks to."""
    return {
        FILE_VARIABLE: "stack/test.toml",
        f"{ENVIRONMENT_PREFIX}DATA": str(folder(lane)),
        f"{ENVIRONMENT_PREFIX}SHIFT": str(lane * PORTS_APART),
    }


def folder(lane: int) -> Path:
    """Return where a lane's stack keeps its data."""
    return DATA / str(lane)


def config_folder(lane: int) -> Path:
    """Return the configuration that a lane's Airflow reads, a copy that tests may change."""
    return folder(lane) / "include"


def use(lane: int) -> None:
    """Let this process, and what it starts, use a lane's stack."""
    os.environ.update(variables(lane))


def of_worker(name: str) -> int:
    """Return the lane of a worker of pytest-xdist: `gw0` has the first."""
    return 1 + int(name.removeprefix("gw"))


def on_each(command: str) -> None:
    """Run `python -m stack COMMAND` for the stack of each lane."""
    for lane in range(1, 1 + OTHER_VERSIONS):
        environment = os.environ | variables(lane)
        subprocess.run([sys.executable, "-m", "stack", command], cwd=CHECKOUT, env=environment, check=True)


if __name__ == "__main__":
    on_each("clean")
