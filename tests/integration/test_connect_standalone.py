"""Kafka Connect standalone: the whole flow on a worker that keeps connectors in memory and offsets in a file."""

from collections.abc import Iterator

import pytest

from pg2es.core.stream import Steering
from pg2es.services.recovery import mend
from pg2es.services.stream import steer
from stack.config import load_config
from stack.launcher import Stack
from tests.integration.streamed import Streamed
from tests.support import Database, ProjectFolder, remove_stream

WORKER = "connect-standalone"


@pytest.fixture
def standalone(
    project_folder: ProjectFolder, database: Database, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Streamed]:
    """A pipeline that was filled and is streamed by the standalone worker."""
    stack = Stack()
    stack.start(WORKER)
    monkeypatch.setenv("PG2ES_CONNECT_URLS", load_config().url("connect_standalone"))
    try:
        yield Streamed(project_folder, database)
        remove_stream(project_folder.clients(), project_folder.source_model())
    finally:
        stack.kill(WORKER)


def test_the_whole_flow(standalone: Streamed) -> None:
    clients, source = standalone.clients, standalone.source
    names = [source.connector, standalone.sink]
    assert sorted(clients.connect.list_connectors()) == sorted(names)
    standalone.change("streamed")
    standalone.check_equal()
    assert standalone.breaches() == {}

    # It dies, and its connectors with it. Their positions stay: the next look makes them again, and nothing is lost.
    stack = Stack()
    stack.kill(WORKER)
    standalone.change("while the worker was dead")
    stack.start(WORKER)
    assert clients.connect.list_connectors() == []
    found = mend(clients, source, {}, 0)
    assert (found.done, found.problems) == ([f"Made {name}." for name in names], [])
    standalone.check_equal()
    assert standalone.breaches() == {}

    # Stopped and resumed, as on a cluster. Told to resume both at once, the worker may lock up.
    for round_ in range(5):
        assert steer(clients, source, None, Steering.STOP) == names
        for name in names:
            standalone.wait_until_stopped(name)
        standalone.change(f"while they were stopped, {round_}")
        assert steer(clients, source, None, Steering.RESUME) == names
    standalone.check_equal()
