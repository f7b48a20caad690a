"""pg2es as others get it: a wheel in an Airflow of their own, with one DAG file and no checkout."""

import json
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
import pytest

from pg2es.services.waiting import wait_for
from stack.config import HOST, load_config
from stack.redis import run_redis
from tests.integration.tls_servers import secured_servers, shared_files
from tests.package.bare_airflow import BareAirflow, check_equal, install, pins
from tests.support import Database, ProjectFolder

OLDEST = ("apache-airflow==3.2.*", "fastapi<0.137")
"""With a newer FastAPI its API server does not start; whoever installs it by its own constraints has an older one."""

OPENLINEAGE = "apache-airflow-providers-openlineage==2.20.3"


@pytest.fixture(scope="module")
def newest(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python with the package, the versions that requirements.txt pins, and the provider of OpenLineage."""
    folder = tmp_path_factory.mktemp("newest")
    return install(folder / "venv", str(wheel), OPENLINEAGE, *pins(folder))


@pytest.fixture
def make_airflow(notes: ProjectFolder, metadata: str, tmp_path: Path) -> Callable[..., BareAirflow]:
    """Return a function that gives an Airflow, not yet running, for the project with one pipeline, `notes`."""
    return partial(install_project, notes, tmp_path / "airflow", metadata)


def install_project(folder: ProjectFolder, home: Path, metadata: str, python: Path, **variables: str) -> BareAirflow:
    """Return an Airflow, not yet running, that has a copy of a project's files."""
    shutil.copytree(folder.folder, home / "config")
    return BareAirflow.create(python, home, metadata, **variables)


def check_lineage(heard: Path, folder: ProjectFolder) -> None:
    """Fail unless OpenLineage heard of two tasks that the index is made from the table."""
    postgres, pipeline = folder.source_model().postgres, folder.clients().project.pipeline("notes")
    table = (f"postgres://{HOST}:{load_config().ports['postgres']}", f"{postgres.database}.public.notes")
    index = (f"elasticsearch://{HOST}:{load_config().ports['elasticsearch']}", pipeline.alias)
    found = {}
    for line in heard.read_text().splitlines():
        event = json.loads(line)
        if event["eventType"] == "COMPLETE":
            sides = ([(one["namespace"], one["name"]) for one in event[side]] for side in ("inputs", "outputs"))
            found[event["job"]["name"]] = tuple(sides)
    assert found["backfill_notes.finish"] == found["reconcile_notes.reconcile"] == ([table], [index])
    assert found["backfill_notes.plan_chunks"] == ([], [])


def test_the_wheel_alone_makes_a_bare_airflow_a_sync(
    make_airflow: Callable[..., BareAirflow], newest: Path, streamed_folder: ProjectFolder, tmp_path: Path
) -> None:
    heard = tmp_path / "lineage.json"
    transport = {"type": "file", "log_file_path": str(heard), "append": True}
    airflow = make_airflow(newest, AIRFLOW__OPENLINEAGE__TRANSPORT=json.dumps(transport))
    assert airflow.read("dags", "list-import-errors") == []
    airflow.run("dags", "test", "backfill_notes")
    check_equal(streamed_folder)
    airflow.run("dags", "test", "reconcile_notes")
    check_lineage(heard, streamed_folder)
    assert "pg2es" in [provider["package_name"] for provider in airflow.read("providers", "list")]
    assert "pg2es" in [plugin["name"] for plugin in airflow.read("plugins")]
    shell = [str(newest.parent / "pg2es"), "--config", str(airflow.home / "config"), "verify", "notes"]
    assert "equal" in subprocess.check_output(shell, env=airflow.variables, text=True)


@pytest.mark.long
def test_a_bare_airflow_syncs_servers_that_all_ask_for_tls(
    streamed_folder: ProjectFolder, database: Database, metadata: str, newest: Path, tmp_path: Path
) -> None:
    with (
        shared_files(tmp_path.name) as files,
        secured_servers(streamed_folder, database, files, tmp_path),
        pytest.MonkeyPatch.context() as patch,
    ):
        airflow = install_project(streamed_folder, tmp_path / "airflow", metadata, newest)
        assert airflow.read("dags", "list-import-errors") == []
        command = [str(newest.parent / "pg2es"), "--config", str(airflow.home / "config")]
        subprocess.run([*command, "validate", "--connect"], env=airflow.variables, check=True)
        airflow.run("dags", "test", "backfill_notes")
        database.execute_as_superuser(
            "UPDATE public.notes SET note = 'streamed' WHERE id < 5", "DELETE FROM public.notes WHERE id = 9"
        )
        airflow.run("dags", "test", "reconcile_notes")
        for name, file in {"PGSSLCERT": "client.pem", "PGSSLKEY": "client.key"}.items():
            patch.setenv(name, files[file])  # the oracle has a connection of its own
        check_equal(streamed_folder)


@pytest.mark.long
@pytest.mark.parametrize("version", ["oldest", "newest"])
def test_a_whole_airflow_runs_it(
    version: str,
    make_airflow: Callable[..., BareAirflow],
    wheel: Path,
    request: pytest.FixtureRequest,
    streamed_folder: ProjectFolder,
    tmp_path: Path,
) -> None:
    newest = version == "newest"
    python = request.getfixturevalue("newest") if newest else install(tmp_path / "venv", str(wheel), *OLDEST)
    airflow = make_airflow(python)
    with airflow.servers():
        run_and_check(airflow, streamed_folder)


@pytest.mark.long
def test_celery_workers_run_it(
    make_airflow: Callable[..., BareAirflow], wheel: Path, streamed_folder: ProjectFolder, metadata: str, tmp_path: Path
) -> None:
    python = install(tmp_path / "venv", str(wheel), "apache-airflow-providers-celery[redis]", *pins(tmp_path))
    with run_redis(tmp_path) as port:
        airflow = make_airflow(
            python,
            AIRFLOW__CORE__EXECUTOR="CeleryExecutor",
            AIRFLOW__CELERY__BROKER_URL=f"redis://{HOST}:{port}/0",
            AIRFLOW__CELERY__RESULT_BACKEND=f"db+{metadata}",
            C_FORCE_ROOT="true",
        )
        with airflow.servers("celery worker --concurrency 2 --skip-serve-logs"):
            run_and_check(airflow, streamed_folder)


def run_and_check(airflow: BareAirflow, folder: ProjectFolder) -> None:
    """Backfill, compare with the oracle, reconcile, and see the console's page."""
    wait_for(
        lambda: _status(airflow) == 200,
        timeout_s=120,
        on_timeout=lambda: AssertionError(f"no answer from {airflow.url}\n{airflow.last_words()}"),
    )
    wait_for(
        lambda: "backfill_notes" in airflow.run("dags", "list"),
        timeout_s=120,
        on_timeout=lambda: AssertionError(f"no DAG\n{airflow.last_words()}"),
    )
    assert airflow.finish("backfill_notes") == "success"
    check_equal(folder)
    assert airflow.finish("reconcile_notes") == "success"
    with httpx.Client(base_url=airflow.url) as client:
        assert client.get("/pg2es/static/console.js").status_code == 401
        login = {"username": "admin", "password": "secret"}
        token = client.post("/auth/token", json=login).raise_for_status().json()["access_token"]
        page = client.get("/pg2es/static/console.js", headers={"Authorization": f"Bearer {token}"})
        assert page.status_code == 200


def _status(airflow: BareAirflow) -> int:
    try:
        return httpx.get(f"{airflow.url}/api/v2/version").status_code
    except httpx.TransportError:
        return 0
