"""A metadata database for an Airflow of a test's own."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from stack.config import HOST, load_config
from tests.support import new_name


@pytest.fixture
def metadata(stack_environment: dict[str, str]) -> Iterator[str]:
    """The address of a fresh database for Airflow's tables."""
    config, name = load_config(), new_name()
    server = f"airflow:{config.credentials['AIRFLOW_DB_PASSWORD']}@{HOST}:{config.ports['airflow_db']}"
    with psycopg.connect(f"postgresql://{server}/postgres", autocommit=True) as session:
        session.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield f"postgresql+psycopg2://{server}/{name}"
        session.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
