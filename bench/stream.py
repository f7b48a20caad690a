"""How fast changes stream: many at once, and how late one is at a steady rate."""

import statistics
import threading
import time
from dataclasses import dataclass
from itertools import count
from threading import Event

from bench.ground import Ground, prepare_ground
from bench.results import Result
from pg2es.services import backfill
from pg2es.services.generations import Generation, require_live_generation
from pg2es.services.stream import pass_barrier

ROWS = 100_000
RATE = 500
SECONDS = 30
POLL_S = 0.02
PER_COMMIT = 5


def measure_stream() -> dict[str, Result]:
    """Return changes/s of a large UPDATE, and the delay from a commit to the search that finds it."""
    with prepare_ground(ROWS) as ground:
        generation = backfill_all(ground)
        started = time.monotonic()
        with ground.clients.session(ground.source) as session:
            session.execute("UPDATE public.flat SET quantity = quantity + 1")
        pass_barrier(ground.clients, ground.pipeline, generation)
        rate = ROWS / (time.monotonic() - started)
        stop = Event()
        threading.Timer(SECONDS, stop.set).start()
        delays = measure_delays(ground, Traffic(range(ROWS), RATE), stop)
    percentiles = statistics.quantiles(delays, n=100)
    return {
        "stream_changes_per_s": Result(round(rate), "changes/s", None, "higher"),
        "commit_to_searchable_p50_ms": Result(round(percentiles[49] * 1000), "ms", None, "lower"),
        "commit_to_searchable_p99_ms": Result(round(percentiles[98] * 1000), "ms", None, "lower"),
    }


@dataclass(frozen=True)
class Traffic:
    """Changes of rows, so many in a second; each transaction has a number, which its rows carry."""

    rows: range
    rate: int
    first_number: int = 1


def backfill_all(ground: Ground) -> Generation:
    """Return the live generation, filled."""
    clients, pipeline = ground.clients, ground.pipeline
    prepared = backfill.prepare(clients, pipeline)
    chunks = backfill.plan(clients, pipeline, 1)
    results = [backfill.copy_chunk(clients, pipeline, prepared.index, chunk, lane=0).to_json() for chunk in chunks]
    backfill.check(backfill.finish(clients, pipeline, prepared, chunks, results))
    return require_live_generation(clients.elasticsearch, pipeline)


def measure_delays(ground: Ground, traffic: Traffic, stop: Event) -> list[float]:
    """Change rows, PER_COMMIT in a transaction, until told to stop, and search for what has become visible."""
    committed: dict[int, float] = {}
    writer = threading.Thread(target=_write, args=(ground, traffic, committed, stop))
    writer.start()
    delays: list[float] = []
    before = traffic.first_number - 1
    seen = before
    while writer.is_alive() or seen - before < len(committed):
        found = _newest(ground, seen)
        now = time.monotonic()
        if found > seen:
            delays.extend(now - committed[number] for number in range(seen + 1, found + 1))
            seen = found
        time.sleep(POLL_S)
    writer.join()
    return delays


def _write(ground: Ground, traffic: Traffic, committed: dict[int, float], stop: Event) -> None:
    """Keep the pace by the clock."""
    started = time.monotonic()
    with ground.clients.session(ground.source) as session:
        for done in count():
            number = traffic.first_number + done
            first = traffic.rows.start + (done * PER_COMMIT) % (len(traffic.rows) - PER_COMMIT)
            session.execute(
                "UPDATE public.flat SET seq = $1 WHERE id > $2 AND id <= $3", [number, first, first + PER_COMMIT]
            )
            committed[number] = time.monotonic()
            if stop.wait(max(0.0, started + (done + 1) * PER_COMMIT / traffic.rate - time.monotonic())):
                return


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
