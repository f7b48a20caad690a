"""A project in a versioned DAG bundle: a run reads the files of the version that it was asked for."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from pg2es.services.waiting import wait_for
from tests import oracle
from tests.package.bare_airflow import DAG_FILE, BareAirflow, check_equal, install, pins
from tests.support import ProjectFolder

pytestmark = pytest.mark.long

BUNDLE = "airflow.providers.git.bundles.git.GitDagBundle"
DAG = "backfill_notes"


class Repository:
    """A repository of somebody's: one DAG file, and the project beside its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "dags").mkdir(parents=True)
        (folder / "dags" / "sync.py").write_text(DAG_FILE)
        self._git("init", "--quiet", "--initial-branch=main")

    def commit(self, project: ProjectFolder) -> str:
        """Commit the project as it is now and return the version's name."""
        shutil.copytree(project.folder, self.folder / "config", dirs_exist_ok=True)
        self._git("add", ".")
        self._git("-c", "user.name=somebody", "-c", "user.email=somebody@example.com", "commit", "-qm", "a version")
        return self._git("rev-parse", "HEAD")

    def _git(self, *arguments: str) -> str:
        return subprocess.check_output(["git", *arguments], cwd=self.folder, text=True).strip()


def write_edition(project: ProjectFolder, edition: str) -> None:
    """Let documents say by which version of their SQL they were made."""
    project.add_pipeline("notes", "public.notes", document=f"SELECT root.*, '{edition}' AS edition FROM root")


def read_editions(project: ProjectFolder) -> set[str]:
    """Return what the documents of the live index say."""
    return {document["edition"] for document in oracle.read_documents(f"{project.prefix}notes").values()}


def await_version(airflow: BareAirflow, version: str) -> None:
    """Return when Airflow has read the DAG in a version."""
    wait_for(
        lambda: (
            version in airflow.run("dags", "details", DAG, "--output", "json")
            if DAG in airflow.run("dags", "list")
            else None
        ),
        timeout_s=120,
        on_timeout=lambda: AssertionError(f"{version} of {DAG} is not read\n{airflow.last_words()}"),
    )


def test_a_run_keeps_the_files_of_its_version(notes: ProjectFolder, wheel: Path, metadata: str, tmp_path: Path) -> None:
    python = install(tmp_path / "venv", str(wheel), "apache-airflow-providers-git", *pins(tmp_path))
    repository = Repository(tmp_path / "repository")
    write_edition(notes, "first")
    first = repository.commit(notes)
    place = {"repo_url": str(repository.folder), "tracking_ref": "main", "subdir": "dags", "refresh_interval": 1}
    bundle = {"name": "team", "classpath": BUNDLE, "kwargs": place}
    airflow = BareAirflow.create(
        python,
        tmp_path / "airflow",
        metadata,
        AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST=json.dumps([bundle]),
        AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH=str(tmp_path / "bundles"),
    )
    with airflow.server("api-server"), airflow.server("dag-processor"), airflow.server("triggerer"):
        await_version(airflow, first)
        airflow.trigger(DAG, "early")  # nobody runs it yet
        write_edition(notes, "second")
        await_version(airflow, repository.commit(notes))
        with airflow.server("scheduler"):
            assert airflow.end_of(DAG, "early") == "success"
            assert read_editions(notes) == {"first"}
            assert airflow.finish(DAG, "late") == "success"
            assert read_editions(notes) == {"second"}
    check_equal(notes)
