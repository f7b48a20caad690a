"""Fixtures of the tests that use the whole stack: the checkout's DAGs, and a configuration folder to change."""

import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from elasticsearch import Elasticsearch

from demo.airflow import Airflow
from demo.data import Sample, ensure_database, load, superuser_access
from demo.reset import remove_traces
from pg2es.adapters.postgres import PostgresAccess
from pg2es.core.config import load_project
from pg2es.services.clients import Clients
from stack.launcher import Stack, State
from tests.e2e.ground import Ground, make_ground
from tests.support import CHECKOUT

ORDERS = 6_000
HOW_TO_START = (
    "rm -rf .stack/include && cp -R include .stack/include && make down && PG2ES_CONFIG=$PWD/.stack/include make up"
)


@pytest.fixture(scope="session")
def config_folder(stack_environment: dict[str, str]) -> Path:
    """The configuration folder that Airflow reads; never the checkout's own."""
    [processor] = [service for service in Stack().status() if service.name == "airflow-dag-processor"]
    if processor.pid is None or processor.state is not State.RUNNING:
        pytest.fail("Airflow's DAG processor is not running. Start the stack with `make up`.", pytrace=False)
    found = psutil.Process(processor.pid).environ().get("PG2ES_CONFIG")
    if found is None or Path(found).resolve() == CHECKOUT / "include":
        pytest.fail(
            f"These tests change pipeline files, and Airflow reads those of the checkout. "
            f"Let it read a copy: {HOW_TO_START}",
            pytrace=False,
        )
    return Path(found)


@pytest.fixture(scope="session")
def airflow(stack_environment: dict[str, str]) -> Airflow:
    return Airflow(
        stack_environment["PG2ES_AIRFLOW_URL"],
        stack_environment["PG2ES_AIRFLOW_USER"],
        stack_environment["PG2ES_AIRFLOW_PASSWORD"],
    )


@pytest.fixture(scope="session")
def clients(stack_environment: dict[str, str]) -> Clients:
    """Clients for the files of the shop, which no test changes."""
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


@pytest.fixture(scope="session")
def ground(airflow: Airflow, elasticsearch: Elasticsearch, config_folder: Path) -> Iterator[Ground]:
    """Notes and their authors in a database of their own, filled by a first backfill; see `Ground`.

    One for all modules, as it takes half a minute. A test leaves it in order: files, index and rows agree, and no
    generation is there but the live one. Modules that change the schema take `own_ground` instead.
    """
    with make_ground(airflow, elasticsearch, config_folder) as made:
        yield made


@pytest.fixture(scope="module")
def own_ground(airflow: Airflow, elasticsearch: Elasticsearch, config_folder: Path) -> Iterator[Ground]:
    """As `ground`, for one module."""
    with make_ground(airflow, elasticsearch, config_folder) as made:
        yield made
