"""One module for each kind of server; `build_services` makes the whole stack's."""

from __future__ import annotations

from stack.config import StackConfig
from stack.identity import ServiceUser
from stack.services.airflow import ApiServer, DagProcessor, Scheduler, Triggerer
from stack.services.base import Service
from stack.services.connect import DistributedWorker, StandaloneWorker
from stack.services.elasticsearch import Elasticsearch
from stack.services.kafka import Kafka
from stack.services.postgres import AirflowDatabase, SourceDatabase
from stack.services.registry import SchemaRegistry

__all__ = ["KINDS", "Service", "build_services"]

KINDS: dict[str, type[Service]] = {
    "postgres": SourceDatabase,
    "kafka": Kafka,
    "elasticsearch": Elasticsearch,
    "connect-1": DistributedWorker,
    "connect-2": DistributedWorker,
    "connect-standalone": StandaloneWorker,
    "registry": SchemaRegistry,
    "airflow-db": AirflowDatabase,
    "airflow-api-server": ApiServer,
    "airflow-scheduler": Scheduler,
    "airflow-dag-processor": DagProcessor,
    "airflow-triggerer": Triggerer,
}


def build_services(config: StackConfig, user: ServiceUser) -> dict[str, Service]:
    """Return every service of the stack by name, the ones that others need first."""
    return {name: kind(name, config, user) for name, kind in KINDS.items()}
