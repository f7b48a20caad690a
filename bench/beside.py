"""How late changes are while a backfill copies the whole table beside them."""

import threading
import time
from threading import Event

from bench.ground import Ground, prepare_ground
from bench.latency import Traffic, measure_delays, measure_for, percentile
from bench.reindex import copy, fill
from bench.results import Result
from pg2es.services.generations import require_live_generation

ROWS = 500_000
RATE = 500
USUAL_S = 30
WARM_UP_S = 10


def measure_beside() -> dict[str, Result]:
    """Return the p99 from commit to search beside a backfill of the same index ÷ the usual one, and its speed."""
    with prepare_ground(ROWS) as ground:
        fill(ground)
        rows = range(ROWS)
        measure_for(ground, Traffic(rows, RATE), measure_delays, WARM_UP_S)
        usual = measure_for(ground, Traffic(rows, RATE, first_number=100_000), measure_delays, USUAL_S)
        done = Event()
        seconds: list[float] = []
        threading.Thread(target=_refill, args=(ground, done, seconds)).start()
        beside = measure_delays(ground, Traffic(rows, RATE, first_number=200_000), done)
    return {
        "stream_p99_beside_backfill_ratio": Result(
            round(percentile(beside, 99) / percentile(usual, 99), 2), "ratio", 2.5, "lower"
        ),
        "stream_p99_beside_backfill_ms": Result(round(percentile(beside, 99) * 1000), "ms", None, "lower"),
        "backfill_beside_stream_docs_per_s": Result(round(ROWS / seconds[0]), "docs/s", None, "higher"),
    }


def _refill(ground: Ground, done: Event, seconds: list[float]) -> None:
    """Copy the table once more into the live index, as the DAG does by default."""
    started = time.monotonic()
    try:
        copy(ground, require_live_generation(ground.clients.elasticsearch, ground.pipeline).index)
        seconds.append(time.monotonic() - started)
    finally:
        done.set()
