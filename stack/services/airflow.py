"""Apache Airflow: API server, scheduler, DAG processor and triggerer, each a process of its own.

Not `airflow standalone`: when that is killed, its children live on.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

import psycopg
from typing_extensions import override

from stack import artifacts
from stack.config import CHECKOUT, HOST
from stack.http import get_json
from stack.services.base import Service

PASSWORDS = ("PG2ES_AIRFLOW_PASSWORD", "PG2ES_AIRFLOW_VIEWER_PASSWORD")
"""Of Airflow's two users."""

_initializing = threading.Lock()


def read_variables(file: Path) -> dict[str, str]:
    """Return what a file of NAME=value lines sets."""
    lines = (line for line in file.read_text().splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


class AirflowProcess(Service):
    """What the four processes have in common: settings, the metadata database, the way to see them work."""

    needs = ("airflow-db",)
    # The scheduler waits for its tasks before it ends; ours may be cut short at any step.
    stop_timeout_s = 15
    arguments: ClassVar[tuple[str, ...]]
    job_type: ClassVar[str]

    @property
    @override
    def ports(self) -> tuple[str, ...]:
        return ()

    @property
    @override
    def folder(self) -> Path:
        return self.config.data / "airflow"

    @override
    def prepare(self) -> None:
        self.user.make_folder(self.folder)
        # All four come here at once; asking the database whether it is current takes as long as bringing it there.
        stamp = self.folder / "initialized"
        with _initializing:
            if not stamp.exists() or stamp.read_text() != version("apache-airflow"):
                path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
                variables = {name: self.config.credentials[name] for name in PASSWORDS}
                self.user.run(
                    ["sh", artifacts.FILES / "airflow-init.sh"], {**self.environment(), **variables, "PATH": path}
                )
                self.user.write_file(stamp, version("apache-airflow"))

    @override
    def command(self) -> Sequence[str | Path]:
        return [sys.executable, "-m", "airflow", *self.arguments]

    @override
    def is_ready(self) -> bool:
        """Return whether the process has registered its job since it was started.

        The API's health report would take the heartbeats of the previous process for this one's.
        """
        since = datetime.fromtimestamp(self.pid_file.stat().st_mtime, UTC) - timedelta(seconds=1)
        query = "SELECT 1 FROM job WHERE job_type = %s AND state = 'running' AND start_date >= %s"
        try:
            with psycopg.connect(self._dsn, connect_timeout=5) as connection:
                return connection.execute(query, [self.job_type, since]).fetchone() is not None
        except psycopg.OperationalError:
            return False

    @override
    def variables(self) -> Mapping[str, str]:
        credentials = self.config.credentials
        url = self.config.url("airflow")
        return {
            **read_variables(artifacts.FILES / "airflow.env"),
            **self.config.settings["airflow"],
            "AIRFLOW_HOME": str(self.folder),
            "AIRFLOW__CORE__DAGS_FOLDER": str(CHECKOUT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(CHECKOUT / "plugins"),
            "AIRFLOW__CORE__FERNET_KEY": credentials["AIRFLOW_FERNET_KEY"],
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self._passwords_file),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self._dsn.replace("postgresql:", "postgresql+psycopg2:"),
            "AIRFLOW__API__HOST": HOST,
            "AIRFLOW__API__PORT": str(self.config.ports["airflow"]),
            "AIRFLOW__API__BASE_URL": url,
            "AIRFLOW__API__SECRET_KEY": credentials["AIRFLOW_SECRET_KEY"],
            "AIRFLOW__API_AUTH__JWT_SECRET": credentials["AIRFLOW_JWT_SECRET"],
            **self.config.service_environment(),
            "PG2ES_CONFIG": os.environ.get("PG2ES_CONFIG", str(CHECKOUT / "include")),
            # With it, tasks write the notes of their runs.
            "AIRFLOW_CONN_PG2ES_AIRFLOW": (
                f"http://admin:{credentials['PG2ES_AIRFLOW_PASSWORD']}@{HOST}:{self.config.ports['airflow']}"
            ),
            "PYTHONPATH": ":".join(str(path) for path in (CHECKOUT / "include", CHECKOUT / "plugins", CHECKOUT)),
            # Airflow writes titles over its processes; this keeps `stack.processes.MARKER` readable all the same.
            "SPT_NOENV": "1",
        }

    @property
    def _passwords_file(self) -> Path:
        return self.folder / "passwords.json"

    @property
    def _dsn(self) -> str:
        password = self.config.credentials["AIRFLOW_DB_PASSWORD"]
        return f"postgresql://airflow:{password}@{HOST}:{self.config.ports['airflow_db']}/airflow"


class ApiServer(AirflowProcess):
    """Web interface, REST API, and the API that tasks use."""

    arguments = ("api-server",)

    @property
    @override
    def ports(self) -> tuple[str, ...]:
        return ("airflow",)

    @override
    def is_ready(self) -> bool:
        return get_json(self.config.ports["airflow"], "/api/v2/version") is not None


class Scheduler(AirflowProcess):
    """Runs the tasks, too, as its sub-processes (LocalExecutor).

    It serves no logs, which it would do on every network address: the API server reads the same files.
    """

    arguments = ("scheduler", "--skip-serve-logs")
    job_type = "SchedulerJob"


class DagProcessor(AirflowProcess):
    """Reads the DAG files."""

    arguments = ("dag-processor",)
    job_type = "DagProcessorJob"


class Triggerer(AirflowProcess):
    """Waits on behalf of deferred tasks."""

    arguments = ("triggerer", "--skip-serve-logs")
    job_type = "TriggererJob"
