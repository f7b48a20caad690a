"""The project that the DAGs are made from, and clients that know Airflow's connections.

A DAG file chooses the folder and reads `project()`, which asks no server. A task takes everything from one place, so
that it sees the files as they were at one moment: `of_pipeline`, `of_source`, or `clients()` where it is about all of
them.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pg2es.core.config import Project, load_project
from pg2es.core.errors import ConfigError

if TYPE_CHECKING:
    from pg2es.adapters.postgres import PostgresAccess
    from pg2es.core.config import Pipeline, Source
    from pg2es.services.clients import Clients

CONFIG_VARIABLE = "PG2ES_CONFIG"

_chosen: Path | None = None
"""What the DAG file says that this process has read last. The process of a task reads its own alone."""


def choose(folder: Path | None) -> None:
    """Let `project()` read this folder in this process from now on; None: the one that PG2ES_CONFIG names."""
    global _chosen  # noqa: PLW0603 - Airflow gives the tasks of a DAG file nothing else in common
    _chosen = folder


def project() -> Project:
    """Return the project in the folder that was chosen, else in the one that PG2ES_CONFIG names.

    Raises ConfigError when neither says one, or for its `platform.yaml`.
    """
    folder = _chosen or os.environ.get(CONFIG_VARIABLE)
    if not folder:
        raise ConfigError(
            "platform.yaml", "", f"is where? Set {CONFIG_VARIABLE}, or write make_dags(globals(), config=…)"
        )
    return load_project(Path(folder))


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
    extra = connection.extra_dejson
    return PostgresAccess(
        host=connection.host or "localhost",
        port=connection.port or 5432,
        database=connection.schema or source.postgres.database,
        user=connection.login or "",
        password=connection.password or "",
        sslmode=extra.get("sslmode", source.postgres.sslmode),
        **{name: extra.get(name) for name in ("sslrootcert", "sslcert", "sslkey")},
    )
