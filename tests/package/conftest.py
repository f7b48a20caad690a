"""What an Airflow of a test's own needs: the package, a metadata database, a project."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from stack.config import HOST, load_config
from tests.package.bare_airflow import build_wheel
from tests.support import Database, ProjectFolder, new_name


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package."""
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def notes(streamed_folder: ProjectFolder, database: Database) -> ProjectFolder:
    """A project with one pipeline, `notes`, and the table that it indexes."""
    database.execute(
        "CREATE TABLE public.notes (id bigint PRIMARY KEY, note text)",
        "INSERT INTO public.notes SELECT n, 'note ' || n FROM generate_series(1, 3000) n",
    )
    streamed_folder.add_pipeline("notes", "public.notes")
    return streamed_folder


@pytest.fixture
def metadata(stack_environment: dict[str, str]) -> Iterator[str]:
    """The address of a fresh database for Airflow's tables."""
    config, name = load_config(), new_name()
    server = f"airflow:{config.credentials['AIRFLOW_DB_PASSWORD']}@{HOST}:{config.ports['airflow_db']}"
    with psycopg.connect(f"postgresql://{server}/postgres", autocommit=True) as session:
        session.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield f"postgresql+psycopg2://{server}/{name}"
        session.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
