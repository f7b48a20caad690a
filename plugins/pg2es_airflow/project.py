"""The project that the DAGs are made from, and clients that know Airflow's connections.

A DAG file reads `project()`, which asks no server. A task takes everything from one place, so that it sees the files as
they were at one moment: `of_pipeline`, `of_source`, or `clients()` where it is about all of them.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pg2es.core.config import Project, load_project

if TYPE_CHECKING:
    from pg2es.adapters.postgres import PostgresAccess
    from pg2es.core.config import Pipeline, Source
    from pg2es.services.clients import Clients

CONFIG_VARIABLE = "PG2ES_CONFIG"
_DEFAULT_CONFIG = Path(__file__).resolve().parents[2] / "include"


def project() -> Project:
    """Return the project in the folder that PG2ES_CONFIG names, by default `include/` beside `plugins/`."""
    return load_project(Path(os.environ.get(CONFIG_VARIABLE, _DEFAULT_CONFIG)))


def clients() -> "Clients":
    """Return clients of the project's servers; call it inside a task."""
    from pg2es.services.clients import Clients

    return Clients(project(), _access_of_connection)


def of_pipeline(name: str) -> "tuple[Clients, Pipeline]":
    """Return clients and a pipeline of their project; call it inside a task."""
    servers = clients()
    return servers, servers.project.pipeline(name)


def of_source(name: str) -> "tuple[Clients, Source]":
    """Return clients and a source of their project; call it inside a task."""
    servers = clients()
    return servers, servers.project.source(name)


def _access_of_connection(source: "Source") -> "PostgresAccess | None":
    """Return how Airflow's connection reaches the source, None when Airflow has no such connection.

    Kafka Connect does not know Airflow's connections: its connectors log in with the password that the source file
    refers to.
    """
    from airflow.providers.postgres.hooks.postgres import PostgresHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    from pg2es.adapters.postgres import PostgresAccess

    try:
        connection = PostgresHook.get_connection(source.connection)
    except AirflowNotFoundException:
        return None
    return PostgresAccess(
        host=connection.host or "localhost",
        port=connection.port or 5432,
        database=connection.schema or source.postgres.database,
        user=connection.login or "",
        password=connection.password or "",
        sslmode=connection.extra_dejson.get("sslmode", source.postgres.sslmode),
    )
