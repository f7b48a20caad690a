"""A standby takes over while writers go on: what the new primary has is searchable, and nothing else."""

import os
from collections.abc import Iterator

import pytest

from pg2es.cli import jobs
from pg2es.services import recovery
from pg2es.services.drift import compare
from pg2es.services.waiting import wait_for
from tests import oracle
from tests.faults.ledger import writing
from tests.faults.world import World
from tests.integration.postgres_pair import Pair, postgres_pair
from tests.support import Database, ProjectFolder, connect

PATIENCE_S = 60


@pytest.fixture(autouse=True)
def pair(stack_environment: dict[str, str]) -> Iterator[Pair]:
    """A primary and its standby, behind a proxy that writers and connectors connect to."""
    assert stack_environment
    with postgres_pair(synchronized=True) as pair:
        yield pair


@pytest.fixture
def world(pair: Pair, streamed_folder: ProjectFolder, database: Database) -> World:
    assert os.environ["PG2ES_POSTGRES_PORT"] == str(pair.proxy.port)
    return World(streamed_folder, database)


@pytest.mark.parametrize(
    "synchronous",
    [pytest.param(True, id="synchronous"), pytest.param(False, id="asynchronous", marks=pytest.mark.long)],
)
def test_writers_go_on(*, synchronous: bool, pair: Pair, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "SETTLED_S", 0.5)
    if synchronous:
        pair.make_synchronous()
    pair.wait_until_slots_are_synchronized(world.source.slot)
    with writing(world.database) as ledger:
        ledger.await_commits()
        pair.promote()
        # As the DAG connectors does: it looks, and triggers the recovery.
        wait_for(
            lambda: recovery.mend(world.clients, world.source, {}, 0).timeline,
            timeout_s=PATIENCE_S,
            on_timeout=lambda: AssertionError("nobody sees that a standby was promoted"),
        )
        jobs.recover(world.clients.project, world.source.name)
        ledger.await_commits()
    world.settle()
    if synchronous:
        world.check(ledger)
    else:  # what was acknowledged last is gone, as it is in PostgreSQL
        oracle.check(world.clients, world.pipeline, world.live)
        found = compare(world.clients, world.pipeline, world.live)
        assert found.clean, str(found)
        assert world.dead_letters() == 0
    assert recovery.mend(world.clients, world.source, {}, 0).timeline is None
    with connect(world.database.name) as session:  # before the stream is taken away
        session.execute("SELECT 1")
