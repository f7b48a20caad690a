"""How long until everything is searchable again when a standby takes over: from the primary's end, without a hand."""

import statistics
import time

from bench.ground import Ground, prepare_ground
from bench.outages import PATIENCE_S, check_equal, wait_until_searchable, writing
from bench.polling import poll
from bench.reindex import fill
from bench.results import Result
from pg2es.services import recovery
from pg2es.services.backfill import close_gap
from tests.integration.postgres_pair import Pair, postgres_pair

ROWS = 20_000
ROUNDS = 3


def measure_promotion() -> dict[str, Result]:
    """Return the seconds from a promotion to the first comparison that finds both sides equal; the rounds' median.

    What the DAGs wait for besides is not in it: until the DAG `connectors` looks, and the second comparison.
    """
    seconds = statistics.median(_measure_round() for _ in range(ROUNDS))
    return {"recovery_promotion_s": Result(round(seconds, 1), "s", None, "lower")}


def _measure_round() -> float:
    with postgres_pair(synchronized=True) as pair, prepare_ground(ROWS) as ground:
        pair.make_synchronous()
        fill(ground)
        pair.wait_until_slots_are_synchronized(ground.source.slot)
        with writing(ground):
            seconds = _time_promotion(ground, pair)
            wait_until_searchable(ground)
        check_equal(ground)
    return seconds


def _time_promotion(ground: Ground, pair: Pair) -> float:
    started = time.monotonic()
    pair.promote()
    poll(lambda: recovery.mend(ground.clients, ground.source, {}, 0).timeline is not None, PATIENCE_S)
    recovery.recover_source(ground.clients, ground.source)
    if not close_gap(ground.clients, ground.pipeline):
        raise RuntimeError("too much differs")
    return time.monotonic() - started
