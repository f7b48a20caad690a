"""docker-compose.yml without a container engine: what its services execute, with their variables, from init to demo."""

import os
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from pg2es.adapters.airflow import Airflow
from pg2es.services.waiting import wait_for
from stack.config import HOST, StackConfig, load_config
from stack.ports import free_port
from stack.services.airflow import read_variables
from tests.package.bare_airflow import BareAirflow
from tests.support import CHECKOUT

pytestmark = pytest.mark.long

SERVICES: dict[str, Any] = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())["services"]
AIRFLOW = ("airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer")
TIMEOUT_S = 400


class Composed:
    """What compose would give a service, with the servers of this stack for those that are none of Airflow's."""

    def __init__(self, config: StackConfig, home: Path, database: str) -> None:
        ports, self._home = config.ports, home
        self._values = config.credentials
        self.port = free_port()
        self.password = config.credentials["PG2ES_AIRFLOW_PASSWORD"]
        self._places = {
            "kafka:9092": f"{HOST}:{ports['kafka']}",
            "connect-1:8083": f"{HOST}:{ports['connect_1']}",
            "connect-2:8083": f"{HOST}:{ports['connect_2']}",
            "elasticsearch:9200": f"{HOST}:{ports['elasticsearch']}",
            "airflow-db:5432/airflow": f"{HOST}:{ports['airflow_db']}/{database}",
            "airflow-api-server:8080": f"{HOST}:{self.port}",
            f"{HOST}:18080": f"{HOST}:{self.port}",
            '"host": "airflow-api-server", "port": 8080': f'"host": "{HOST}", "port": {self.port}',
            "0.0.0.0": HOST,
            "/opt/airflow": str(home),
        }
        self._own = {
            "AIRFLOW__API__PORT": str(self.port),
            "PG2ES_POSTGRES_HOST": HOST,
            "PG2ES_POSTGRES_PORT": str(ports["postgres"]),
        }
        for name in ("logs", "state"):
            (home / name).mkdir(parents=True)

    def mount(self, service: str) -> None:
        """Put what a service mounts of the checkout where it expects it."""
        for mount in SERVICES[service]["volumes"]:
            here, there, *_ = mount.split(":")
            link = Path(self._place(there))
            if here.startswith("./") and not link.exists():
                link.symlink_to(CHECKOUT / here)

    def variables(self, service: str) -> dict[str, str]:
        """Return the environment of a service, and nothing of this process but where programs are."""
        given: dict[str, str] = {}
        if file := SERVICES[service].get("env_file"):
            given |= read_variables(CHECKOUT / file)
        given |= SERVICES[service]["environment"]
        resolved = {name: self._place(re.sub(r"\$\{(\w+)[^}]*\}", self._value, text)) for name, text in given.items()}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {"PATH": path, "HOME": str(self._home), "AIRFLOW_HOME": str(self._home), **resolved} | {
            name: value for name, value in self._own.items() if name in resolved
        }

    def _value(self, variable: re.Match[str]) -> str:
        return self._values[variable[1]]

    def _place(self, text: str) -> str:
        for there, here in self._places.items():
            text = text.replace(there, here)
        return text


@pytest.fixture
def composed(metadata: str, tmp_path: Path) -> Composed:
    return Composed(load_config(), tmp_path / "airflow", metadata.rpartition("/")[2])


def test_from_init_to_the_demo(composed: Composed, tmp_path: Path) -> None:
    home = tmp_path / "airflow"
    for service in ("airflow-init", "demo"):
        composed.mount(service)
    script = Path(SERVICES["airflow-init"]["command"][1]).name
    subprocess.run(
        ["sh", CHECKOUT / "stack/files" / script], env=composed.variables("airflow-init"), cwd=home, check=True
    )
    with ExitStack() as running:
        for service in AIRFLOW:
            airflow = BareAirflow(Path(sys.executable), home, composed.variables(service))
            running.enter_context(airflow.server(" ".join(SERVICES[service]["command"])))
        wait_for(
            lambda: "backfill_orders" in airflow.run("dags", "list"),
            timeout_s=120,
            on_timeout=lambda: AssertionError(f"no DAG\n{airflow.last_words()}"),
        )
        assert airflow.read("dags", "list-import-errors") == []
        demo = SERVICES["demo"]
        command = [sys.executable, *demo["entrypoint"][1:], *demo["command"]]
        variables = composed.variables("demo") | {"DEMO_ORDERS": "300"}
        done = subprocess.run(
            command, env=variables, cwd=home, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{airflow.last_words()}"
        assert "verified: every document equals its row" in done.stdout
        api = Airflow(f"http://{HOST}:{composed.port}", "admin", composed.password)
        [run] = api.call("GET", "/dags/backfill_orders/dagRuns")["dag_runs"]
        assert " rows in " in run["note"]
