"""Fixtures over the real servers of the embedded stack. A server that is not up is a failure, never a skip."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch
from psycopg import sql

from stack.config import load_config
from stack.launcher import Stack, State
from tests.support import Database, ProjectFolder, connect, open_elasticsearch

NEEDED = {"postgres", "kafka", "connect-1", "connect-2", "elasticsearch"}


@pytest.fixture(scope="session")
def stack_environment() -> Iterator[dict[str, str]]:
    """Where the servers of the stack are, as PG2ES_* variables: returned, and set in `os.environ`."""
    config = load_config()
    down = sorted(s.name for s in Stack(config).status() if s.name in NEEDED and s.state is not State.RUNNING)
    if down:
        pytest.fail(f"not running: {', '.join(down)}. Start the stack with `make up`.", pytrace=False)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in config.environment().items():
            patch.setenv(name, value)
        yield config.environment()


@pytest.fixture
def unique_name() -> str:
    """A name that no other test has: of databases, sources, prefixes of aliases."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture
def database(stack_environment: dict[str, str], unique_name: str) -> Iterator[Database]:
    """A fresh database that role pg2es owns; dropped with its slots at the end."""
    name = sql.Identifier(unique_name)
    owner = sql.Identifier(os.environ["PG2ES_POSTGRES_USER"])
    with connect("postgres", superuser=True) as session:
        session.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, owner))
        yield Database(unique_name)
        session.execute(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = %s", [unique_name]
        )
        session.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@pytest.fixture(scope="session")
def elasticsearch(stack_environment: dict[str, str]) -> Iterator[Elasticsearch]:
    """A client of the batch jobs' user."""
    with open_elasticsearch() as client:
        yield client


@pytest.fixture
def index_prefix(elasticsearch: Elasticsearch, unique_name: str) -> Iterator[str]:
    """Prefix for the aliases and indices of one test; what has it is deleted at the end."""
    yield f"{unique_name}-"
    # Names, because wildcards are refused for deleting.
    if found := list(elasticsearch.indices.get(index=f"{unique_name}-*", features=["aliases"]).body):
        elasticsearch.indices.delete(index=found)


@pytest.fixture
def project_folder(tmp_path: Path, database: Database, index_prefix: str) -> ProjectFolder:
    """A configuration folder for the test's own database; source, slot, topics and aliases have unique names."""
    checkout = Path(__file__).parent.parent
    folder = ProjectFolder(tmp_path / "include", database.name, index_prefix)
    folder.write("platform.yaml", (checkout / "include" / "platform.yaml").read_text(encoding="utf-8"))
    folder.write(
        f"sources/{database.name}.yaml",
        {
            "postgres": {
                "host": "${env:PG2ES_POSTGRES_HOST}",
                "port": "${env:PG2ES_POSTGRES_PORT}",
                "database": database.name,
                "user": "${env:PG2ES_POSTGRES_USER}",
                "password": "${env:PG2ES_POSTGRES_PASSWORD}",
            }
        },
    )
    return folder
