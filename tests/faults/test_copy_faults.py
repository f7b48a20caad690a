"""A copy while Elasticsearch blocks writes: nothing is lost, and what is wrong is said in a sentence."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count

import pytest

from pg2es.adapters.elasticsearch import indices
from pg2es.core.backfill import BlockRange
from pg2es.core.errors import ElasticsearchUnavailable
from pg2es.services.generations import Generation
from pg2es.services.refresh import Refresher, Slice, Target
from pg2es.services.refresh import refresher as refresh
from pg2es.services.refresh.refresher import CopyResult
from pg2es.services.tables import read_tables
from pg2es.services.waiting import wait_for
from tests import oracle
from tests.integration.batch import make_generation
from tests.support import Database, ProjectFolder

ROWS = 20_000
SLICE_BLOCKS = 20


@pytest.fixture
def folder(project_folder: ProjectFolder, database: Database) -> ProjectFolder:
    """A pipeline `notes` over a table of ROWS rows."""
    database.execute(
        "CREATE TABLE public.notes (id bigint PRIMARY KEY, note text)",
        f"INSERT INTO public.notes SELECT g, repeat('x', 200) FROM generate_series(1, {ROWS}) g",
    )
    project_folder.add_pipeline("notes", "public.notes")
    return project_folder


def copy(folder: ProjectFolder, generation: Generation, on_slice: Callable[[Slice], None]) -> CopyResult:
    clients = folder.clients()
    pipeline = clients.project.pipeline("notes")
    with clients.session(clients.project.source_of(pipeline)) as session:
        target = Target(generation.index, generation.meta, read_tables(session, pipeline).sql)
        return Refresher(session, clients.elasticsearch, target).copy(slices(), on_slice)


def slices() -> Iterator[BlockRange]:
    for first in range(0, 10 * SLICE_BLOCKS, SLICE_BLOCKS):
        yield BlockRange("public.notes", first, first + SLICE_BLOCKS)
    yield BlockRange("public.notes", 10 * SLICE_BLOCKS, None)


@contextmanager
def at_slice(number: int, action: Callable[[], None]) -> Iterator[Callable[[Slice], None]]:
    """Give a callback that runs `action` once, when that slice was read."""
    seen = 0

    def on_slice(_: Slice) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            action()

    yield on_slice
    assert seen >= number


def test_a_full_disk_is_named_and_nothing_is_lost_by_it(folder: ProjectFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    clients = folder.clients()
    client = clients.elasticsearch
    generation = make_generation(clients, clients.project.pipeline("notes"))
    blocked = "index.blocks.read_only_allow_delete"  # what Elasticsearch sets when a disk passes its flood stage

    slices_read = count(1)

    def block(_: Slice) -> None:
        """Block at each slice but the first: every half minute Elasticsearch sees that its disk is not full at all."""
        if next(slices_read) > 1:
            indices.apply_settings(client, generation.index, {blocked: True})

    monkeypatch.setattr(refresh, "PATIENCE_S", 1)
    with pytest.raises(ElasticsearchUnavailable, match="disk") as raised:
        copy(folder, generation, block)
    assert generation.index in str(raised.value)

    indices.apply_settings(client, generation.index, {blocked: None})
    result = copy(folder, generation, lambda _: None)
    assert result.rows == ROWS
    oracle.check(clients, clients.project.pipeline("notes"), generation)


def test_a_copy_is_slower_after_a_refusal(folder: ProjectFolder, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pg2es.services.refresh")
    clients = folder.clients()
    client = clients.elasticsearch
    generation = make_generation(clients, clients.project.pipeline("notes"))
    with ThreadPoolExecutor(1) as pool:

        def block_for_a_while() -> None:
            indices.apply_settings(client, generation.index, {"index.blocks.write": True})
            pool.submit(unblock_when_noticed)

        def unblock_when_noticed() -> None:
            try:
                wait_for(
                    lambda: "will be read again" in caplog.text,
                    timeout_s=30,
                    on_timeout=lambda: AssertionError("nobody noticed"),
                )
            finally:
                indices.apply_settings(client, generation.index, {"index.blocks.write": None})

        with at_slice(2, block_for_a_while) as on_slice:
            result = copy(folder, generation, on_slice)
    assert "Elasticsearch is behind: the next slice is read in" in caplog.text
    assert (result.rows, result.outcome.rejected) == (ROWS, [])
    oracle.check(clients, clients.project.pipeline("notes"), generation)
