"""How long a whole reindex takes, as a ratio of a plain backfill of the same table."""

import gc
import multiprocessing
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.ground import PIPELINE, Ground, prepare_ground
from bench.results import Result
from pg2es.core.backfill import Chunk
from pg2es.core.config import Verification, load_project
from pg2es.services import backfill, reindex
from pg2es.services.clients import Clients
from pg2es.services.reindex import retire, swap

ROWS = 500_000
ROUNDS = 2
LANES = 2


def measure_reindex() -> dict[str, Result]:
    """Return the time from plan to swap as a ratio of the time of a first backfill: connectors, waits and verify in.

    Both copy the same chunks in as many processes as the DAGs do by default. The mean of the rounds counts.
    """
    ratios, verify_seconds = [], []
    for _ in range(ROUNDS):
        with prepare_ground(ROWS) as ground:
            backfilled = _time_backfill(ground)
            reindexed, verified = _time_reindex(ground)
        ratios.append(reindexed / backfilled)
        verify_seconds.append(verified)
    return {
        "reindex_vs_backfill": Result(round(statistics.mean(ratios), 3), "ratio", 1.4, "lower"),
        "verify_docs_per_s": Result(round(ROWS / statistics.mean(verify_seconds)), "docs/s", None, "higher"),
    }


def _time_backfill(ground: Ground) -> float:
    started = time.monotonic()
    fill(ground)
    return time.monotonic() - started


def fill(ground: Ground) -> None:
    """Run a first backfill, in as many processes as the DAG does by default; connectors and all."""
    prepared = backfill.prepare(ground.clients, ground.pipeline)
    chunks, results = copy(ground, prepared.index)
    backfill.check(backfill.finish(ground.clients, ground.pipeline, prepared, chunks, results))


def _time_reindex(ground: Ground) -> tuple[float, float]:
    clients, pipeline = ground.clients, ground.pipeline
    started = time.monotonic()
    reindex.plan(clients, pipeline, take_over_index=False)
    index = reindex.create(clients, pipeline)
    prepared = reindex.start_stream(clients, pipeline, index)
    chunks, _ = copy(ground, index)
    reindex.finish_build(clients, pipeline, prepared, chunks)
    verifying = time.monotonic()
    reindex.verify(clients, pipeline, index, Verification.DIGEST)
    verified = time.monotonic() - verifying
    swap(clients, pipeline, index, timedelta(0))
    seconds = time.monotonic() - started
    retire(clients, pipeline)
    return seconds, verified


def copy(ground: Ground, index: str) -> tuple[list[Chunk], list[dict[str, Any]]]:
    """Copy the table in as many processes as the DAG does by default; return the chunks and what came of them."""
    chunks = backfill.plan(ground.clients, ground.pipeline, 2 * LANES)
    # A child that collected a Kafka client of this process would wait for threads that it does not have, and crash.
    gc.collect()
    gc.freeze()
    with ProcessPoolExecutor(LANES, multiprocessing.get_context("fork")) as pool:
        folder = ground.clients.project.folder
        copies = [pool.submit(_copy_chunk, folder, index, chunk) for chunk in chunks]
        return chunks, [copy.result() for copy in copies]


def _copy_chunk(folder: Path, index: str, chunk: Chunk) -> dict[str, Any]:
    clients = Clients(load_project(folder))  # connections are not shared between processes
    pipeline = clients.project.pipeline(PIPELINE)
    return backfill.copy_chunk(clients, pipeline, index, chunk, chunk.index % LANES).to_json()
