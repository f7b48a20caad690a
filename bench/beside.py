"""How late changes are while a backfill copies the whole table beside them."""

import time

from bench.ground import Ground, prepare_ground
from bench.latency import measure_beside_job, percentile
from bench.reindex import copy, fill
from bench.results import Result
from pg2es.services.generations import require_live_generation

ROWS = 500_000
RATE = 500
USUAL_S = 30


def measure_beside() -> dict[str, Result]:
    """Return the p99 from commit to search beside a backfill of the same index ÷ the usual one, and its speed."""
    with prepare_ground(ROWS) as ground:
        fill(ground)
        usual, beside, seconds = measure_beside_job(ground, range(ROWS), RATE, USUAL_S, lambda: _refill(ground))
    return {
        "stream_p99_beside_backfill_ratio": Result(
            round(percentile(beside, 99) / percentile(usual, 99), 2), "ratio", 2.5, "lower"
        ),
        "stream_p99_beside_backfill_ms": Result(round(percentile(beside, 99) * 1000), "ms", None, "lower"),
        "backfill_beside_stream_docs_per_s": Result(round(ROWS / seconds), "docs/s", None, "higher"),
    }


def _refill(ground: Ground) -> float:
    """Copy the table once more into the live index, as the DAG does by default; return the seconds that takes."""
    started = time.monotonic()
    copy(ground, require_live_generation(ground.clients.elasticsearch, ground.pipeline).index)
    return time.monotonic() - started
