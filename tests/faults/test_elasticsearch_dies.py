"""Elasticsearch dies in the middle of a copy: the copy waits, reads unacknowledged slices again, and loses nothing."""

from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from pg2es.adapters.elasticsearch import indices
from pg2es.core.backfill import BlockRange
from pg2es.services.drift import comparison as compare
from pg2es.services.refresh import Refresher, Slice, Target
from pg2es.services.tables import read_tables
from stack.launcher import Stack
from tests import oracle
from tests.integration.batch import make_generation
from tests.support import Database, ProjectFolder

ROWS = 20_000
SLICES = [BlockRange("public.notes", first, first + 50) for first in range(0, 550, 50)]
SLICES.append(BlockRange("public.notes", 550, None))


def test_a_copy_survives_the_death_of_elasticsearch(
    project_folder: ProjectFolder, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.execute(
        "CREATE TABLE public.notes (id bigint PRIMARY KEY, note text)",
        f"INSERT INTO public.notes SELECT n, repeat('x', 200) FROM generate_series(1, {ROWS}) n",
    )
    pipeline = project_folder.add_pipeline("notes", "public.notes")
    clients = project_folder.clients()
    generation = make_generation(clients, pipeline)
    stack = Stack()
    restarts: list[Future[None]] = []
    read = 0

    with ThreadPoolExecutor(1) as beside, clients.session(clients.project.source_of(pipeline)) as session:

        def kill_at_the_fourth(_: Slice) -> None:
            nonlocal read
            read += 1
            if read == 4:
                stack.kill("elasticsearch")
                restarts.append(beside.submit(stack.start, "elasticsearch"))

        target = Target(generation.index, generation.meta, read_tables(session, pipeline).sql)
        result = Refresher(session, clients.elasticsearch, target).copy(iter(SLICES), kill_at_the_fourth)
        [restart] = restarts
        restart.result()
    assert (result.rows, result.outcome.rejected) == (ROWS, [])

    # Without a stream there is no barrier to pass; what was written only has to be made searchable.
    monkeypatch.setattr(
        compare, "pass_barrier", lambda *_: indices.refresh_index(clients.elasticsearch, generation.index)
    )
    found = compare.compare(clients, pipeline, generation)
    assert (found.clean, found.equal) == (True, ROWS)
    oracle.check(clients, pipeline, generation)
