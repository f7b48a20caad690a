"""How fast a backfill copies, against what Elasticsearch takes at most; and how its memory grows with the table."""

import multiprocessing
import resource
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection

from bench.ground import Ground, prepare_ground
from bench.results import Result
from pg2es.adapters.elasticsearch import send_bulk
from pg2es.core.backfill import BlockRange
from pg2es.services import backfill
from pg2es.services.generations import Generation, begin_build
from pg2es.services.refresh import IN_FLIGHT, Body, Refresher, Target
from pg2es.services.tables import read_tables

ROWS = 200_000
ROUNDS = 3
MEMORY_ROWS = (200_000, 1_000_000)


def measure_speed() -> dict[str, Result]:
    """Return the backfill's docs/s as a ratio of the raw ceiling: the same documents, prepared, same settings.

    Both go through as many requests in flight, in turn, in rounds; the median of the rounds' ratios counts.
    """
    ratios, speeds = [], []
    with prepare_ground(ROWS) as ground:
        for number in range(ROUNDS + 1):
            ceiling = _time_ceiling(ground)
            copied = _time_backfill(ground)
            if number:  # the first round warms up
                ratios.append(ceiling / copied)
                speeds.append(ROWS / copied)
    return {
        "backfill_flat_vs_bulk_ceiling": Result(round(statistics.median(ratios), 3), "ratio", 0.85, "higher"),
        "backfill_docs_per_s": Result(round(statistics.median(speeds)), "docs/s", None, "higher"),
    }


def measure_memory() -> dict[str, Result]:
    """Return the copying process' peak memory at a million rows as a ratio of that at 200,000."""
    peaks = []
    for rows in MEMORY_ROWS:
        with prepare_ground(rows) as ground:
            index = _build(ground).index
            process = multiprocessing.get_context("fork")
            receiver, sender = process.Pipe(duplex=False)
            child = process.Process(target=_report_peak, args=(ground, index, sender))
            child.start()
            peaks.append(receiver.recv())
            child.join()
    return {"backfill_memory_growth": Result(round(peaks[1] / peaks[0], 3), "ratio", 1.10, "lower")}


def _build(ground: Ground) -> Generation:
    generation = ground.new_generation()
    begin_build(ground.clients.elasticsearch, generation)
    return generation


def _time_backfill(ground: Ground) -> float:
    generation = _build(ground)
    started = time.monotonic()
    (chunk,) = backfill.plan(ground.clients, ground.pipeline, 1)
    result = backfill.copy_chunk(ground.clients, ground.pipeline, generation.index, chunk, lane=0)
    seconds = time.monotonic() - started
    _expect_all(result.written)
    return seconds


def _time_ceiling(ground: Ground) -> float:
    generation = _build(ground)
    bodies = _prepare_bodies(ground, generation)
    client = ground.clients.elasticsearch
    started = time.monotonic()
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        outcomes = list(pool.map(lambda body: send_bulk(client, generation.index, body.lines, body.items), bodies))
    seconds = time.monotonic() - started
    _expect_all(sum(outcome.written for outcome in outcomes))
    return seconds


def _prepare_bodies(ground: Ground, generation: Generation) -> list[Body]:
    with ground.clients.session(ground.source) as session:
        target = Target(generation.index, generation.meta, read_tables(session, ground.pipeline).sql)
        refresher = Refresher(session, ground.clients.elasticsearch, target)
        return refresher.read_blocks(BlockRange(ground.pipeline.table, 0, None)).bodies


def _report_peak(ground: Ground, index: str, sender: Connection) -> None:
    (chunk,) = backfill.plan(ground.clients, ground.pipeline, 1)
    backfill.copy_chunk(ground.clients, ground.pipeline, index, chunk, lane=0)
    sender.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def _expect_all(written: int) -> None:
    if written != ROWS:
        raise RuntimeError(f"{written} documents were written, expected {ROWS}")
