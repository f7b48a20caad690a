"""An Airflow of the tests' own: settings and metadata in a temporary folder, the checkout's DAGs and plugins."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support import CHECKOUT, Database, ProjectFolder

if TYPE_CHECKING:
    from airflow.sdk import DAG

_FOLDER = tempfile.TemporaryDirectory(prefix="pg2es-airflow-", ignore_cleanup_errors=True)
_HOME = Path(_FOLDER.name)
SETTINGS = {
    "AIRFLOW_HOME": str(_HOME),
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_HOME}/airflow.db",
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "AIRFLOW__CORE__DAGS_FOLDER": str(CHECKOUT / "dags"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(CHECKOUT / "plugins"),
    "PG2ES_CONFIG": str(CHECKOUT / "include"),
    "PYTHONPATH": ":".join(str(CHECKOUT / part) for part in ("include", "plugins", ".")),
}
os.environ.update(SETTINGS)  # before the first import of Airflow, which reads them then


def read_dags(folder: Path) -> "dict[str, DAG]":
    """Return the DAGs that Airflow finds in a folder, all of whose files it can read."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(folder))
    assert bag.import_errors == {}
    return bag.dags


@pytest.fixture
def notes(streamed_folder: ProjectFolder, database: Database) -> ProjectFolder:
    """A project with one pipeline, `notes`, of 3,000 rows."""
    database.execute(
        "CREATE TABLE public.notes (id bigint PRIMARY KEY, note text)",
        "INSERT INTO public.notes SELECT n, 'note ' || n FROM generate_series(1, 3000) n",
    )
    mapping = {"mappings": {"dynamic": False, "properties": {"note": {"type": "keyword"}}}}
    streamed_folder.add_pipeline("notes", "public.notes", mapping=mapping)
    return streamed_folder


@pytest.fixture(scope="session")
def airflow_database() -> None:
    """Airflow's tables."""
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True)
