"""An Airflow of the tests' own: settings and metadata in a temporary folder, the checkout's DAGs and plugins."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.support import CHECKOUT

_FOLDER = tempfile.TemporaryDirectory(prefix="pg2es-airflow-", ignore_cleanup_errors=True)
_HOME = Path(_FOLDER.name)
SETTINGS = {
    "AIRFLOW_HOME": str(_HOME),
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_HOME}/airflow.db",
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_FOLDER": str(CHECKOUT / "dags"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(CHECKOUT / "plugins"),
    "PYTHONPATH": ":".join(str(CHECKOUT / part) for part in ("include", "plugins", ".")),
}
os.environ.update(SETTINGS)  # before the first import of Airflow, which reads them then


@pytest.fixture(scope="session")
def airflow_database() -> None:
    """Airflow's tables."""
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True)
