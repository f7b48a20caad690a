"""The node with the primary shard dies under writers: its replica goes on, and nothing that was written is lost."""

import os
from collections.abc import Iterator

import pytest

from tests.faults.elasticsearch_pair import ElasticsearchPair, elasticsearch_pair
from tests.faults.ledger import writing
from tests.faults.world import World
from tests.support import Database, ProjectFolder

pytestmark = pytest.mark.long


@pytest.fixture(autouse=True)
def pair(stack_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[ElasticsearchPair]:
    """A cluster of two nodes, which everything here writes to."""
    assert stack_environment
    with elasticsearch_pair() as pair:
        monkeypatch.setenv("PG2ES_ELASTICSEARCH_URLS", pair.urls)
        yield pair


@pytest.fixture
def world(pair: ElasticsearchPair, streamed_folder: ProjectFolder, database: Database) -> World:
    assert os.environ["PG2ES_ELASTICSEARCH_URLS"] == pair.urls
    return World(streamed_folder, database)


def test_the_replica_takes_over(pair: ElasticsearchPair, world: World) -> None:
    index = world.live.index
    pair.put_primary_on_data(index)
    with world.mended(), writing(world.database) as ledger:
        ledger.await_commits()
        pair.data.kill()
        ledger.await_commits()
        world.settle()
        assert pair.find_primary(index) == pair.master.name
        job = world.start("reconcile", "notes", "--deep", "all")
        job.finish()
        pair.data.start()
        pair.wait_for_nodes(2)
        pair.wait_until(index, "green")
        ledger.await_commits()
    world.settle()
    world.check(ledger)
