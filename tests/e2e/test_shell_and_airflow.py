"""`pg2es … --airflow`: the shell starts the run of a DAG, follows it, and ends as it does."""

import shutil
from pathlib import Path

import pytest

from pg2es.cli.main import main
from tests.e2e.ground import Ground
from tests.support import ProjectFolder


@pytest.fixture
def folder(ground: Ground, tmp_path: Path, stack_environment: dict[str, str]) -> ProjectFolder:
    """The files that Airflow reads, and where it is."""
    shutil.copytree(ground.folder.folder, tmp_path / "include")
    copy = ProjectFolder(tmp_path / "include", ground.folder.source, ground.folder.prefix)
    login = {name.lower(): f"${{env:PG2ES_AIRFLOW_{name}}}" for name in ("URL", "USER", "PASSWORD")}
    copy.change("platform.yaml", airflow=login)
    return copy


def run(folder: ProjectFolder, *arguments: str) -> int:
    """Return the exit status of a command."""
    with pytest.raises(SystemExit) as ended:
        main(["--config", str(folder.folder), *arguments, "--airflow"])
    return int(str(ended.value.code or 0))


def test_a_run_that_succeeds(ground: Ground, folder: ProjectFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "reindex", ground.authors) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("No reindex is needed")
    assert f"DAG reindex_{ground.authors} runs: {ground.airflow.url}/dags/reindex_{ground.authors}/runs/" in shown.err


def test_a_run_that_fails(ground: Ground, folder: ProjectFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "rollback", ground.authors, "--keep-old-for", "1") == 2
    assert f"task check: GenerationError: Pipeline {ground.authors} has no generation to go back to" in one_line(capsys)


def test_a_run_that_would_not_begin(ground: Ground, folder: ProjectFolder, capsys: pytest.CaptureFixture[str]) -> None:
    dag = f"recover_{ground.folder.source}"
    ground.airflow.wait_until_parsed(dag)
    ground.airflow.end_active_runs(dag)  # which pauses it
    assert run(folder, "recover", ground.folder.source, "--yes") == 2
    assert f"DAG {dag} is paused, so no run of it begins" in one_line(capsys)


def test_a_dag_that_airflow_does_not_have(
    ground: Ground, folder: ProjectFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, "backfill", "elsewhere") == 2
    assert "has no DAG backfill_elsewhere; does it read the same files?" in one_line(capsys)


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    """Return what a command said was wrong, without the breaks of its lines."""
    return " ".join(capsys.readouterr().err.split())
