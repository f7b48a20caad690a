"""Apache Airflow: API server, scheduler, DAG processor and triggerer, each a process of its own.

Not `airflow standalone`: when that is killed, its children live on.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

import psycopg
from typing_extensions import override

from stack.config import CHECKOUT, HOST
from stack.http import get_json
from stack.services.base import Service

_migrating = threading.Lock()


class AirflowProcess(Service):
    """What the four processes have in common: settings, the metadata database, the way to see them work."""

    needs = ("airflow-db",)
    ready_timeout_s = 180
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
        passwords = {
            "admin": self.config.credentials["PG2ES_AIRFLOW_PASSWORD"],
            "viewer": self.config.credentials["PG2ES_AIRFLOW_VIEWER_PASSWORD"],
        }
        self.user.write_file(self._passwords_file, json.dumps(passwords))
        # All four come here at once; asking the database whether it is current takes as long as bringing it there.
        stamp = self.folder / "migrated"
        with _migrating:
            if not stamp.exists() or stamp.read_text() != version("apache-airflow"):
                self.user.run([sys.executable, "-m", "airflow", "db", "migrate"], self.environment())
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
        settings = {
            "CORE__DAGS_FOLDER": str(CHECKOUT / "dags"),
            "CORE__PLUGINS_FOLDER": str(CHECKOUT / "plugins"),
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__PARALLELISM": "8",
            "CORE__FERNET_KEY": credentials["AIRFLOW_FERNET_KEY"],
            "CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,viewer:viewer",
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self._passwords_file),
            "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
            "DATABASE__SQL_ALCHEMY_CONN": self._dsn.replace("postgresql:", "postgresql+psycopg2:"),
            "API__HOST": HOST,
            "API__PORT": str(self.config.ports["airflow"]),
            "API__BASE_URL": url,
            "API__SECRET_KEY": credentials["AIRFLOW_SECRET_KEY"],
            "API_AUTH__JWT_SECRET": credentials["AIRFLOW_JWT_SECRET"],
            # A short task's run takes 1 to 2 s instead of 3.
            "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
            # Tasks whose process was killed are found within half a minute, not within five.
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
            "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
            # New DAG files are seen within seconds.
            "DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            "LOGGING__COLORED_CONSOLE_LOG": "False",
        }
        return {
            "AIRFLOW_HOME": str(self.folder),
            **{f"AIRFLOW__{name}": value for name, value in settings.items()},
            **self.config.service_environment(),
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
