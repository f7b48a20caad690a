"""Fixtures over the real servers of the embedded stack. A server that is not up is a failure, never a skip."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch
from hypothesis import settings

from pg2es.adapters.connect import ConnectCluster
from pg2es.core.errors import Pg2esError
from stack.config import load_config
from stack.launcher import Stack, State, read_tail
from tests import lanes
from tests.durations import Durations
from tests.support import (
    Database,
    ProjectFolder,
    new_name,
    open_elasticsearch,
    remove_stream,
    temporary_database,
    temporary_prefix,
    temporary_stream,
)

SLOWEST = (
    "test_cases",
    "test_table",
    "test_outages",
    "test_slots",
    "test_dag_runs",
    "test_reconcile",
    "test_mend",
    "test_digests",
    "test_backfill",
    "test_connectors",
    "test_monitor",
)
"""Modules that take longest: they come first, so that no lane ends with one while the other has nothing to do."""

LAST_WORDS = 20
"""Lines of a dead server's log that are shown."""

NEEDED = {"postgres", "kafka", "connect-1", "connect-2", "elasticsearch"}

# A machine that is busy with servers is slow at times: how long an example takes says nothing.
settings.register_profile("pg2es", parent=settings.default, deadline=None)
settings.load_profile("pg2es")


def pytest_configure(config: pytest.Config) -> None:
    """Let the report say how long fixtures take; give a worker of pytest-xdist a stack of its own."""
    config.pluginmanager.register(Durations())
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        os.environ.pop("COLUMNS", None)  # set by readline, which a worker imports: it is no terminal
        lanes.use(lanes.of_worker(worker))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slowest modules first."""
    rank = {name: number for number, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say of a test that failed how the servers were then."""
    report = yield
    if report.failed and "stack_environment" in getattr(item, "fixturenames", ()):
        report.sections.append(("servers", "\n".join(describe_servers())))
    return report


def describe_servers() -> Iterator[str]:
    """Give a line for each server of the stack, and each connector; of a server that died, also its last words."""
    config = load_config()
    stack = Stack(config)
    for service in stack.status():
        yield f"{service.name} {service.state}"
        if service.state is State.DEAD:
            yield from (f"    {line}" for line in read_tail(stack.find(service.name), LAST_WORDS))
    urls, user, password = (config.environment()[f"PG2ES_CONNECT_{name}"] for name in ("URLS", "USER", "PASSWORD"))
    cluster = ConnectCluster(tuple(urls.split(",")), user, password, timeout_s=5)
    try:
        for name, (status, _) in sorted(cluster.list_statuses().items()):
            yield f"{name} {status.state} {' '.join(status.tasks)} {' '.join(status.trace)}"
    except Pg2esError as error:
        yield str(error)


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
    return new_name()


@pytest.fixture
def database(stack_environment: dict[str, str], unique_name: str) -> Iterator[Database]:
    """A fresh database that role pg2es owns; dropped with its slots at the end."""
    with temporary_database(unique_name) as database:
        yield database


@pytest.fixture(scope="session")
def elasticsearch(stack_environment: dict[str, str]) -> Iterator[Elasticsearch]:
    """A client of the batch jobs' user."""
    with open_elasticsearch() as client:
        yield client


@pytest.fixture
def index_prefix(elasticsearch: Elasticsearch, unique_name: str) -> Iterator[str]:
    """Prefix for the aliases and indices of one test; what has it is deleted at the end."""
    with temporary_prefix(elasticsearch, unique_name) as prefix:
        yield prefix


@pytest.fixture
def project_folder(tmp_path: Path, database: Database, index_prefix: str) -> ProjectFolder:
    """A configuration folder for the test's own database; source, slot, topics and aliases have unique names."""
    return ProjectFolder.create(tmp_path / "include", database, index_prefix)


@pytest.fixture
def streamed_folder(project_folder: ProjectFolder) -> Iterator[ProjectFolder]:
    """A configuration folder whose connectors the test may deploy; they go at the end."""
    yield project_folder
    remove_stream(project_folder.clients(), project_folder.source_model())


@pytest.fixture(scope="module")
def module_folder(
    tmp_path_factory: pytest.TempPathFactory, elasticsearch: Elasticsearch
) -> Iterator[tuple[ProjectFolder, Database]]:
    """As `streamed_folder`, with its database, for all tests of a module: connectors take seconds to start and stop."""
    with temporary_stream(tmp_path_factory.mktemp("module"), elasticsearch) as made:
        yield made
