"""An index that a snapshot took back to an earlier state: it is noticed, and a backfill closes the gap."""

import os
import time
from collections.abc import Iterator

import pytest
from elasticsearch import Elasticsearch

from pg2es.core.monitoring import Kind
from pg2es.services.recovery import mend
from tests.integration.batch import run_backfill
from tests.integration.streamed import Streamed
from tests.support import Database, ProjectFolder, new_name


@pytest.fixture
def snapshots(elasticsearch: Elasticsearch) -> Iterator[tuple[Elasticsearch, str]]:
    """Give an administrator's client and the name of a repository of snapshots."""
    login = (os.environ["PG2ES_ELASTICSEARCH_SUPERUSER"], os.environ["PG2ES_ELASTICSEARCH_SUPERUSER_PASSWORD"])
    administrator, repository = elasticsearch.options(basic_auth=login), new_name()
    administrator.snapshot.create_repository(
        name=repository, repository={"type": "fs", "settings": {"location": repository}}
    )
    yield administrator, repository
    administrator.snapshot.delete_repository(name=repository)


@pytest.mark.parametrize("stays", [False, True], ids=["deleted before", "closed before"])
def test_a_restored_index_is_noticed(
    streamed_folder: ProjectFolder, database: Database, snapshots: tuple[Elasticsearch, str], stays: bool
) -> None:
    streamed = Streamed(streamed_folder, database)
    administrator, repository = snapshots
    index, clients, source = streamed.live.index, streamed.clients, streamed.source
    administrator.snapshot.create(repository=repository, snapshot="before", indices=index, wait_for_completion=True)
    streamed.change("lost")
    streamed.check_equal()

    if stays:
        administrator.indices.close(index=index)
    else:
        administrator.indices.delete(index=index)
    administrator.snapshot.restore(repository=repository, snapshot="before", indices=index, wait_for_completion=True)
    mend(clients, source, {}, time.time())
    assert f"{index} may lack what changed before" in streamed.breaches()[Kind.GAP].sentence

    run_backfill(clients, streamed.pipeline)
    mend(clients, source, {}, time.time())
    assert Kind.GAP not in streamed.breaches()
    streamed.check_equal()
