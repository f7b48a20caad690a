"""The Airflow side of pg2es: the DAGs, what they are made of, and operators for DAGs of your own.

A DAG file says `make_dags(globals(), config="…")`, and has every job; see `docs/install.md`.
"""

from collections.abc import Iterable
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any

JOBS = (
    "backfill",
    "connectors",
    "dead_letters",
    "monitor",
    "reconcile",
    "recover",
    "reindex",
    "retire",
    "rollback",
    "schema_watch",
)
"""Modules in `dags/`, each of which has the DAGs of a job."""


def make_dags(
    namespace: dict[str, Any], *, config: str | PathLike[str] | None = None, jobs: Iterable[str] = JOBS
) -> None:
    """Put the DAGs of a project into a DAG file's namespace, which is its `globals()`.

    `config`: the folder with `platform.yaml`, by default the one that PG2ES_CONFIG names; a relative one is beside the
    DAG file. `jobs`: which of JOBS; several files may share them out. Files that cannot be used are set aside, as the
    DAG `monitor` says; raises ConfigError for `platform.yaml`.
    """
    from pg2es_airflow import project

    project.choose(None if config is None else Path(namespace["__file__"]).parent / config)
    read = project.project()
    for job in jobs:
        for dag in import_module(f"{__name__}.dags.{job}").make_dags(read):
            namespace[dag.dag_id] = dag
