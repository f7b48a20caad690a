"""Fixtures of the tests that use the whole stack: the checkout's DAGs, and the sample shop."""

import os

import pytest

from demo.airflow import Airflow
from demo.data import Sample, ensure_database, load, superuser_access
from demo.reset import remove_traces
from pg2es.adapters.postgres import PostgresAccess
from pg2es.core.project import load_project
from pg2es.services.clients import Clients
from tests.support import CHECKOUT

ORDERS = 20_000


@pytest.fixture(scope="session")
def airflow(stack_environment: dict[str, str]) -> Airflow:
    return Airflow(
        stack_environment["PG2ES_AIRFLOW_URL"],
        stack_environment["PG2ES_AIRFLOW_USER"],
        stack_environment["PG2ES_AIRFLOW_PASSWORD"],
    )


@pytest.fixture(scope="session")
def clients(stack_environment: dict[str, str]) -> Clients:
    return Clients(load_project(CHECKOUT / "include"))


@pytest.fixture(scope="session")
def shop(clients: Clients, airflow: Airflow) -> PostgresAccess:
    """The shop, loaded anew, without connectors and indices."""
    source = clients.project.source("shop")
    access = superuser_access(os.environ, "shop")
    for pipeline in clients.project.pipelines_of(source):
        airflow.wait_until_parsed(f"backfill_{pipeline.name}")
        airflow.end_active_runs(f"backfill_{pipeline.name}")
    ensure_database(superuser_access(os.environ, "postgres"))
    remove_traces(clients, source, access)
    load(access, Sample(ORDERS))
    return access
