"""The steps of a reindex by themselves: what stops it, what a killed run leaves, and when there is a way back."""

from datetime import timedelta
from typing import Any

import pytest

from pg2es.adapters.elasticsearch import indices
from pg2es.core.config import Pipeline, Verification
from pg2es.core.errors import ConnectorError, DriftFound, GenerationError, SmokeTestFailed
from pg2es.core.generations import scratch_name, sink_connector
from pg2es.services import backfill, reindex
from pg2es.services.clients import Clients
from pg2es.services.generations import read_generation, require_live_generation
from pg2es.services.recovery import find_orphans, remove_orphans
from pg2es.services.reindex import retire, rollback, swap
from tests.integration.batch import check_equal, run_backfill
from tests.support import Database, ProjectFolder

ROWS = 300
DAY = timedelta(days=1)
FORGED = {"_pg2es": {"d0": 1, "d1": 1, "bucket": 1}, "id": 7}


@pytest.fixture
def pipeline(streamed_folder: ProjectFolder, database: Database) -> Pipeline:
    """A pipeline that was backfilled and is fed."""
    database.execute(
        "CREATE TABLE public.notes (id bigint PRIMARY KEY, note text)",
        f"INSERT INTO public.notes SELECT n, 'note ' || n FROM generate_series(1, {ROWS}) n",
    )
    pipeline = streamed_folder.add_pipeline("notes", "public.notes", smoke=[{"query": {"match_all": {}}}])
    run_backfill(streamed_folder.clients(), pipeline)
    return pipeline


def _build(clients: Clients, pipeline: Pipeline) -> str:
    """Make and fill a new generation, and return its index."""
    index = reindex.create(clients, pipeline)
    prepared = reindex.start_stream(clients, pipeline, index)
    chunks = backfill.plan(clients, pipeline, 2)
    for chunk in chunks:
        backfill.copy_chunk(clients, pipeline, index, chunk, lane=0)
    reindex.finish_build(clients, pipeline, prepared, chunks)
    return index


def _forge(clients: Clients, index: str, **document: Any) -> None:
    """Write a document behind pg2es' back."""
    clients.elasticsearch.index(index=index, id="7", document=FORGED | document, refresh=True)


def test_only_what_was_verified_goes_live(streamed_folder: ProjectFolder, pipeline: Pipeline) -> None:
    clients = streamed_folder.clients()
    live = require_live_generation(clients.elasticsearch, pipeline).index
    index = _build(clients, pipeline)
    _forge(clients, index, note="forged")

    for verification in Verification:
        with pytest.raises(DriftFound, match=r"the alias stays where it is: .*1 (stale|altered)"):
            reindex.verify(clients, pipeline, index, verification)
    with pytest.raises(GenerationError, match=f"{index} was not verified"):
        swap(clients, pipeline, index, DAY)
    assert indices.live_generation(clients.elasticsearch, pipeline.alias) == live

    # What is written again by a chunk is verified, goes live, and is fed on.
    clients.elasticsearch.delete(index=index, id="7")
    (chunk,) = backfill.plan(clients, pipeline, 1)
    backfill.copy_chunk(clients, pipeline, index, chunk, lane=0)
    assert reindex.verify(clients, pipeline, index, Verification.DIGEST).equal == ROWS
    assert swap(clients, pipeline, index, DAY) == live
    assert swap(clients, pipeline, index, DAY) is None, "a swap that is run again changes nothing"
    check_equal(clients, pipeline, ROWS)


def test_what_waited_for_approval_goes_live_up_to_date_or_not_at_all(
    streamed_folder: ProjectFolder, pipeline: Pipeline, database: Database
) -> None:
    clients = streamed_folder.clients()
    client = clients.elasticsearch
    live = require_live_generation(client, pipeline).index
    index = _build(clients, pipeline)
    reindex.verify(clients, pipeline, index, Verification.DIGEST)

    # Hours may lie between the comparison and somebody's approval.
    sink = sink_connector(index)
    clients.connect.pause(sink)
    database.execute("INSERT INTO public.notes VALUES (0, 'written while somebody thought')")
    check_equal(clients, pipeline, ROWS + 1)
    clients.connect.resume(sink)
    assert swap(clients, pipeline, index, DAY) == live
    assert client.count(index=pipeline.alias)["count"] == ROWS + 1, "no search goes back in time"

    clients.connect.remove(sink_connector(live))
    with pytest.raises(ConnectorError, match=f"no sink {sink_connector(live)}"):
        swap(clients, pipeline, live, DAY)
    assert indices.live_generation(client, pipeline.alias) == index


def test_smoke_queries_have_the_last_word(streamed_folder: ProjectFolder, pipeline: Pipeline) -> None:
    clients = streamed_folder.clients()
    index = _build(clients, pipeline)
    assert reindex.run_smoke_queries(clients, pipeline, index) == [ROWS]
    demanding = pipeline.smoke[0].model_copy(update={"at_least": ROWS + 1})
    with pytest.raises(SmokeTestFailed, match=rf"smoke\.0: the query finds {ROWS} .*at least {ROWS + 1}"):
        reindex.run_smoke_queries(clients, pipeline.model_copy(update={"smoke": (demanding,)}), index)
    wrong = demanding.model_copy(update={"query": {"no_such_query": {}}})
    with pytest.raises(GenerationError, match="no_such_query"):
        reindex.run_smoke_queries(clients, pipeline.model_copy(update={"smoke": (wrong,)}), index)


def test_what_a_killed_run_leaves_is_taken_up_or_removed(streamed_folder: ProjectFolder, pipeline: Pipeline) -> None:
    clients = streamed_folder.clients()
    client = clients.elasticsearch
    live = require_live_generation(client, pipeline).index
    assert find_orphans(clients, pipeline).names == ()
    left = reindex.create(clients, pipeline)
    reindex.start_stream(clients, pipeline, left)
    assert reindex.create(clients, pipeline) == left, "a run with the same recipe goes on with it"
    scratch = scratch_name(pipeline.alias, "0123456789ab")
    client.indices.create(index=scratch)
    sink = sink_connector(f"{pipeline.alias}-000009")  # of an index that is gone
    config = {**(clients.connect.config(sink_connector(left)) or {}), "name": sink}
    clients.connect.create(sink, config, initial_state="STOPPED")

    orphans = find_orphans(clients, pipeline)
    assert (orphans.generations, orphans.sinks, orphans.scratch) == ((left,), (sink,), (scratch,))
    assert remove_orphans(clients, pipeline) == orphans
    assert find_orphans(clients, pipeline).names == ()
    assert indices.list_indices(client, pipeline.alias) == [live]
    assert clients.connect.config(sink_connector(left)) is None
    check_equal(clients, pipeline, ROWS)


def test_there_is_a_way_back_as_long_as_the_old_generation_is_right(
    streamed_folder: ProjectFolder, pipeline: Pipeline
) -> None:
    clients = streamed_folder.clients()
    client = clients.elasticsearch
    with pytest.raises(GenerationError, match="has no generation to go back to"):
        rollback.find_previous(clients, pipeline)
    old = require_live_generation(client, pipeline).index
    new = _build(clients, pipeline)
    reindex.verify(clients, pipeline, new, Verification.DIGEST)
    swap(clients, pipeline, new, DAY)
    assert retire(clients, pipeline) == [], "its time is not over"

    previous = rollback.find_previous(clients, pipeline)
    assert previous.index == old
    _forge(clients, old, note="forged")
    with pytest.raises(GenerationError, match=f"cannot go back to {old}, because it differs"):
        rollback.check(clients, pipeline, previous)
    clients.connect.remove(sink_connector(old))
    with pytest.raises(GenerationError, match=f"cannot go back to {old}: .*{sink_connector(old)}"):
        rollback.check(clients, pipeline, previous)

    read_generation(client, old).remember(client, keep_until=previous.meta.replaced_at)
    assert retire(clients, pipeline) == [old]
    assert indices.list_indices(client, pipeline.alias) == [new]
