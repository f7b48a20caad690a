"""How fast changes stream: many at once, and how late one is at a steady rate."""

import statistics
import threading
import time

from bench.ground import Ground, prepare_ground
from bench.results import Result
from pg2es.services import backfill
from pg2es.services.barrier import pass_barrier
from pg2es.services.generations import Generation, require_live_generation

ROWS = 100_000
RATE = 500
SECONDS = 30
POLL_S = 0.02
PER_COMMIT = 5


def measure_stream() -> dict[str, Result]:
    """Return changes/s of a large UPDATE, and the delay from a commit to the search that finds it."""
    with prepare_ground(ROWS) as ground:
        generation = _backfill(ground)
        started = time.monotonic()
        with ground.clients.session(ground.source) as session:
            session.execute("UPDATE public.flat SET quantity = quantity + 1")
        pass_barrier(ground.clients, ground.pipeline, generation)
        rate = ROWS / (time.monotonic() - started)
        delays = _measure_delays(ground)
    percentiles = statistics.quantiles(delays, n=100)
    return {
        "stream_changes_per_s": Result(round(rate), "changes/s", None, "higher"),
        "commit_to_searchable_p50_ms": Result(round(percentiles[49] * 1000), "ms", None, "lower"),
        "commit_to_searchable_p99_ms": Result(round(percentiles[98] * 1000), "ms", None, "lower"),
    }


def _backfill(ground: Ground) -> Generation:
    clients, pipeline = ground.clients, ground.pipeline
    prepared = backfill.prepare(clients, pipeline)
    chunks = backfill.plan(clients, pipeline, 1)
    results = [backfill.copy_chunk(clients, pipeline, prepared.index, chunk, lane=0).to_json() for chunk in chunks]
    backfill.check(backfill.finish(clients, pipeline, prepared, chunks, results))
    return require_live_generation(clients.elasticsearch, pipeline)


def _measure_delays(ground: Ground) -> list[float]:
    """Change RATE rows each second, PER_COMMIT in a transaction, and search for what has become visible."""
    committed: dict[int, float] = {}
    writer = threading.Thread(target=_write, args=(ground, committed))
    writer.start()
    delays: list[float] = []
    seen = 0
    while writer.is_alive() or seen < len(committed):
        found = _newest(ground, seen)
        now = time.monotonic()
        if found > seen:
            delays.extend(now - committed[number] for number in range(seen + 1, found + 1))
            seen = found
        time.sleep(POLL_S)
    writer.join()
    return delays


def _write(ground: Ground, committed: dict[int, float]) -> None:
    """Give each transaction a number, which its rows carry; keep the pace by the clock."""
    started = time.monotonic()
    with ground.clients.session(ground.source) as session:
        for number in range(1, RATE * SECONDS // PER_COMMIT + 1):
            first = (number * PER_COMMIT) % (ROWS - PER_COMMIT)
            session.execute(
                "UPDATE public.flat SET seq = $1 WHERE id > $2 AND id <= $3", [number, first, first + PER_COMMIT]
            )
            committed[number] = time.monotonic()
            time.sleep(max(0.0, started + number * PER_COMMIT / RATE - time.monotonic()))


def _newest(ground: Ground, seen: int) -> int:
    """Return the last transaction up to which every one is found."""
    answer = ground.clients.elasticsearch.search(
        index=ground.pipeline.alias,
        size=0,
        query={"range": {"seq": {"gt": seen}}},
        aggs={"numbers": {"terms": {"field": "seq", "size": 10_000, "order": {"_key": "asc"}}}},
    )
    for bucket in answer["aggregations"]["numbers"]["buckets"]:
        if bucket["key"] != seen + 1 or bucket["doc_count"] < PER_COMMIT:
            break
        seen += 1
    return seen
