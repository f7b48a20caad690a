"""How long a source takes to stream again after its slot was lost and nothing differs, as a ratio of a backfill."""

import statistics
import time

import psycopg

from bench.ground import DATABASE, Ground, prepare_ground, superuser
from bench.polling import poll
from bench.reindex import fill
from bench.results import Result
from pg2es.services import recovery
from pg2es.services.backfill import close_gap

ROWS = 2_000_000
WARM_UP_ROWS = 200_000
ROUNDS = 3
PATIENCE_S = 60


def measure_recovery() -> dict[str, Result]:
    """Return the time from the lost slot to the closed gap ÷ that of the first backfill; the median of the rounds."""
    with prepare_ground(WARM_UP_ROWS) as ground:
        fill(ground)
    with prepare_ground(ROWS) as ground:
        started = time.monotonic()
        fill(ground)
        filled = time.monotonic() - started
        recovered = statistics.median(_time_recovery(ground) for _ in range(ROUNDS))
    return {
        "recovery_s": Result(round(recovered, 1), "s", None, "lower"),
        "recovery_vs_backfill": Result(round(recovered / filled, 3), "ratio", 0.25, "lower"),
    }


def _time_recovery(ground: Ground) -> float:
    clients, source, pipeline = ground.clients, ground.source, ground.pipeline
    with superuser(DATABASE) as session:
        poll(lambda: _drop_slot(session, source.slot), PATIENCE_S)
    started = time.monotonic()
    recovery.reset_source(clients, source)
    if not close_gap(clients, pipeline):
        raise RuntimeError("too much differs")
    return time.monotonic() - started


def _drop_slot(session: psycopg.Connection[tuple[object, ...]], slot: str) -> bool:
    try:
        session.execute(
            "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s", [slot]
        )
        session.execute("SELECT pg_drop_replication_slot(%s)", [slot])
    except psycopg.errors.ObjectInUse:
        return False
    return True
