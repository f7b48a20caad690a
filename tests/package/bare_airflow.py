"""An Airflow of somebody else's: an environment with pg2es as a package, a home, one DAG file, a metadata database."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pg2es.services.generations import require_live_generation
from pg2es.services.waiting import wait_for
from stack.config import HOST
from stack.ports import free_port
from tests import oracle
from tests.support import CHECKOUT, ProjectFolder

UV = CHECKOUT / ".venv" / "bin" / "uv"
PACKAGED = ("include/pg2es", "plugins/pg2es_airflow", "pyproject.toml", "requirements.in", "README.md", "LICENSE")
SERVERS = ("api-server", "scheduler", "dag-processor", "triggerer")
DAG_FILE = """\
from pg2es_airflow import make_dags

make_dags(globals(), config="../config")
"""


def build_wheel(folder: Path) -> Path:
    """Return pg2es' wheel, built from what git would give somebody: nothing that lies about here."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *PACKAGED]
    files = subprocess.check_output(listing, cwd=CHECKOUT, text=True)
    for name in files.splitlines():
        copy = folder / "source" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((CHECKOUT / name).read_bytes())
    uv("build", "--quiet", "--wheel", "--out-dir", str(folder), str(folder / "source"))
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(folder: Path, *packages: str) -> Path:
    """Return the Python of a fresh environment that has these packages and what they need."""
    uv("venv", "--quiet", "--python", sys.executable, str(folder))
    python = folder / "bin" / "python"
    uv("pip", "install", "--quiet", "--python", str(python), *packages)
    uv("pip", "check", "--quiet", "--python", str(python))
    return python


def check_equal(folder: ProjectFolder) -> None:
    """Fail unless the index of pipeline `notes` is what the oracle reads from the table."""
    clients = folder.clients()
    pipeline = clients.project.pipeline("notes")
    oracle.check(clients, pipeline, require_live_generation(clients.elasticsearch, pipeline))


def pins(folder: Path) -> tuple[str, str]:
    """Return what lets `install` take the versions that requirements.txt has."""
    lines = (CHECKOUT / "requirements.txt").read_text().splitlines()
    file = folder / "constraints.txt"
    file.write_text("\n".join(line.removesuffix(" \\") for line in lines if not line.startswith(("#", " "))))
    return ("--constraint", str(file))


def uv(*arguments: str) -> None:
    """Run uv, which asks the index that pip would ask."""
    pip = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    index = subprocess.run(pip, capture_output=True, text=True, check=False).stdout.strip()
    environment = os.environ | ({"UV_DEFAULT_INDEX": index} if index else {})
    subprocess.run([UV, *arguments], env=environment, check=True)


@dataclass(frozen=True)
class BareAirflow:
    """The environment's Python, Airflow's home, and the variables that its processes get."""

    python: Path
    home: Path
    variables: dict[str, str]

    @classmethod
    def create(cls, python: Path, home: Path, database: str, **variables: str) -> "BareAirflow":
        """Write the one DAG file, beside which is the folder `config`, and make Airflow's tables."""
        (home / "dags").mkdir(parents=True)
        (home / "dags" / "sync.py").write_text(DAG_FILE)
        (home / "passwords.json").write_text('{"admin": "secret"}')
        port = free_port()
        settings = {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__API__HOST": HOST,
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__BASE_URL": f"http://{HOST}:{port}",
            "AIRFLOW__API__SECRET_KEY": "0" * 32,
            "AIRFLOW__API_AUTH__JWT_SECRET": "1" * 32,
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://{HOST}:{port}/execution/",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
            "PYTHONWARNINGS": "ignore",
        }
        others = ("AIRFLOW", "PYTHON", "PG2ES_CONFIG", "COLUMNS")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(others)}
        airflow = cls(python, home, inherited | settings | variables)
        airflow.run("db", "migrate")
        return airflow

    @property
    def url(self) -> str:
        """Where the API server is, or will be."""
        return self.variables["AIRFLOW__API__BASE_URL"]

    def run(self, *arguments: str) -> str:
        """Return what an Airflow command prints; an error shows it."""
        done = subprocess.run(self._command(arguments), **self._process(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"airflow {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return str(done.stdout)

    def read(self, *arguments: str) -> Any:
        """Return what a command prints as JSON, behind whatever Airflow logs before."""
        return json.loads(self.run(*arguments, "--output", "json").splitlines()[-1])

    @contextmanager
    def servers(self, *others: str) -> Iterator[None]:
        """Run its processes, each with what it starts in a group of its own."""
        with ExitStack() as stack:
            for server in (*SERVERS, *others):
                stack.enter_context(self.server(server))
            yield

    @contextmanager
    def server(self, name: str) -> Iterator[None]:
        with (self.home / f"{name.replace(' ', '-')}.log").open("w") as log:
            process = subprocess.Popen(
                self._command(name.split()), **self._process(), stdout=log, stderr=log, start_new_session=True
            )
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def finish(self, dag: str, run_id: str = "asked") -> str:
        """Trigger a DAG and return the state that its run ends in."""
        self.trigger(dag, run_id)
        return self.end_of(dag, run_id)

    def trigger(self, dag: str, run_id: str) -> None:
        """Ask for a run of a DAG."""
        self.run("dags", "unpause", dag)
        self.run("dags", "trigger", dag, "--run-id", run_id)

    def end_of(self, dag: str, run_id: str) -> str:
        """Return the state that a run ends in."""

        def ended() -> str | None:
            runs = self.read("dags", "list-runs", dag)
            state = next(str(run["state"]) for run in runs if run["run_id"] == run_id)
            return state if state in {"success", "failed"} else None

        return wait_for(
            ended, timeout_s=240, on_timeout=lambda: AssertionError(f"{dag} does not end\n{self.last_words()}")
        )

    def last_words(self) -> str:
        """Return the ends of the servers' logs."""
        logs = sorted(self.home.glob("*.log"))
        return "\n".join(f"{log.name}: {line}" for log in logs for line in log.read_text().splitlines()[-8:])

    def _command(self, arguments: Sequence[str]) -> list[str]:
        return [str(self.python), "-m", "airflow", *arguments]

    def _process(self) -> dict[str, Any]:
        return {"env": self.variables, "cwd": self.home}
