"""Fixtures of the integration tests."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from pg2es.cli import console
from pg2es.cli.main import main
from tests.integration.sink_harness import SinkHarness
from tests.support import Database, ProjectFolder

log = logging.getLogger(__name__)

Run = Callable[..., tuple[int, str, str]]
"""Runs the command `pg2es` with arguments; gives exit status, output and errors."""


@pytest.fixture
def make_sink(
    project_folder: ProjectFolder, database: Database, elasticsearch: Elasticsearch
) -> Iterator[Callable[..., SinkHarness]]:
    """Makes a sink for an orders pipeline, takes keys of the pipeline file; connector and topics go at the end."""
    made: list[SinkHarness] = []

    def make(**keys: Any) -> SinkHarness:
        made.append(SinkHarness.create(project_folder, database, elasticsearch, **keys))
        return made[-1]

    yield make
    for harness in made:
        harness.remove()


@pytest.fixture
def sink(make_sink: Callable[..., SinkHarness]) -> SinkHarness:
    """A sink for orders with items and customers, not yet deployed."""
    return make_sink()


@pytest.fixture
def run(project_folder: ProjectFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command in the test's folder; gives exit status, output and errors."""
    monkeypatch.setattr(console.out, "width", 200)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["--config", str(project_folder.folder), *arguments])
        output, errors = capsys.readouterr()
        log.info("pg2es %s: %s\n%s%s", " ".join(arguments), ended.value.code, output, errors)  # for a test that fails
        return int(ended.value.code or 0), output, errors

    return run
