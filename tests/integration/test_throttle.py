"""A backfill waits while PostgreSQL keeps too much WAL for the slot, and goes on when the stream has caught up."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from pg2es.core.backfill import BlockRange
from pg2es.core.stream import Steering
from pg2es.services import backfill
from pg2es.services.backfill import chunks, slicer, throttle
from pg2es.services.backfill.throttle import Throttle
from pg2es.services.stream import steer
from tests.integration.batch import copy_all
from tests.integration.streamed import ROWS, Streamed
from tests.support import Database, ProjectFolder

NOISE = "CREATE TABLE public.noise AS SELECT n, repeat(n::text, 100) AS text FROM generate_series(1, 10000) n"
LONG = "(SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 30))"


def test_a_backfill_waits_for_the_stream(
    streamed_folder: ProjectFolder, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pg2es.services.backfill.throttle")
    streamed = Streamed(streamed_folder, database)
    streamed_folder.change(f"sources/{streamed.source.name}.yaml", monitor={"max_retained_wal_mb": 1})
    clients, source = streamed.clients, streamed_folder.source_model()
    steer(clients, source, None, Steering.STOP)
    streamed.wait_until_stopped(source.connector)
    database.execute(NOISE)
    with ThreadPoolExecutor(1) as pool:
        copying = pool.submit(copy_all, clients, streamed.pipeline)
        streamed.wait_until(lambda: "a backfill pauses above 0 MiB" in caplog.text)
        assert not copying.done()
        steer(clients, source, None, Steering.RESUME)
        # PostgreSQL notes where it can begin again as time goes by, or at a checkpoint.
        database.execute_as_superuser("CHECKPOINT")
        results = copying.result(timeout=120)
    assert sum(result.rows for result in results) == ROWS
    assert "is below the limit again" in caplog.text
    streamed.check_equal()


def test_a_backfill_does_not_wait_for_a_slot_that_is_gone(streamed_folder: ProjectFolder, database: Database) -> None:
    with streamed_folder.clients().session(streamed_folder.source_model()) as session:
        assert list(Throttle[int](session, streamed_folder.source_model(), 0).pace([1, 2])) == [1, 2]


def test_who_has_waited_too_long_knows_what_is_left(
    streamed_folder: ProjectFolder, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    streamed = Streamed(streamed_folder, database)
    database.execute(f"INSERT INTO public.parts SELECT {ROWS} + n, {LONG} FROM generate_series(1, {ROWS}) n")
    streamed_folder.change(f"sources/{streamed.source.name}.yaml", monitor={"max_retained_wal_mb": 1})
    clients, source = streamed.clients, streamed_folder.source_model()

    class Slicer(slicer.Slicer):
        """After two slices so much happens that the stream is behind."""

        def slices(self) -> Iterator[BlockRange]:
            for number, blocks in enumerate(super().slices()):
                if number == 2:
                    steer(clients, source, None, Steering.STOP)
                    streamed.wait_until_stopped(source.connector)
                    database.execute(NOISE)
                yield blocks

    monkeypatch.setattr(throttle, "LOOK_EVERY_S", 0)
    monkeypatch.setattr(slicer, "FIRST_SLICE_BLOCKS", 1)
    with monkeypatch.context() as patch:
        patch.setattr(chunks, "Slicer", Slicer)
        (chunk,) = backfill.plan(clients, streamed.pipeline, 1)
        index = streamed.live.index
        with pytest.raises(backfill.HeldUp, match="has kept more than 0 MiB of WAL") as held:
            backfill.copy_chunk(clients, streamed.pipeline, index, chunk, 0, 0.1)
    done, left = held.value.done, held.value.left
    assert 0 < done.written < 2 * ROWS
    assert left.blocks.first > chunk.blocks.first
    steer(clients, source, None, Steering.RESUME)
    database.execute_as_superuser("CHECKPOINT")
    both = done.then(backfill.copy_chunk(clients, streamed.pipeline, index, left, 0))
    assert both.rows == 2 * ROWS
    assert both.seconds > done.seconds
    assert backfill.ChunkResult.from_json(both.to_json()) == both
    streamed.check_equal(2 * ROWS)
