"""Imports, in the scheduler, what tasks import: LocalExecutor forks their processes from it.

Each task would spend a second of CPU on it otherwise, which is more than most of them take for their work.
"""

import sys
from importlib import import_module

from airflow.listeners import hookimpl

MODULES = (
    "airflow.providers.postgres.hooks.postgres",
    "airflow.providers.standard.operators.hitl",
    "airflow.providers.standard.operators.python",
    "airflow.providers.standard.operators.trigger_dagrun",
    "pg2es.services.backfill",
    "pg2es.services.dead_letters",
    "pg2es.services.drift",
    "pg2es.services.monitoring",
    "pg2es.services.recovery",
    "pg2es.services.reindex",
    "pg2es_airflow.connectors",
    "pg2es_airflow.monitor",
    "pg2es_airflow.notes",
    "pg2es_airflow.retries",
)


@hookimpl
def on_starting() -> None:
    """Airflow calls this when a scheduler, DAG processor or triggerer starts, before it knows itself which it is."""
    if "airflow.jobs.scheduler_job_runner" in sys.modules:
        for module in MODULES:
            import_module(module)
