"""How far the stream falls behind writers that do not wait: many that change single rows, and one hot row."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from bench.ground import Ground, prepare_ground
from bench.polling import poll
from bench.results import Result
from bench.stream import backfill_all

ROWS = 100_000
WRITERS = 8
COMMITS = 40_000
HOT_CHANGES = 100_000
HOT_ROW = ROWS
PATIENCE_S = 300


def measure_writers() -> dict[str, Result]:
    """Return the commits/s of the writers, and the seconds from the last commit until a search finds everything."""
    with prepare_ground(ROWS) as ground:
        backfill_all(ground)
        single_s, single_behind_s = _time(ground, _write_single_rows, COMMITS)
        hot_s, hot_behind_s = _time(ground, _write_hot_row, 1)
    return {
        "stream_single_rows_commits_per_s": Result(round(COMMITS / single_s), "commits/s", None, "higher"),
        "stream_single_rows_behind_s": Result(round(single_behind_s, 1), "s", None, "lower"),
        "stream_hot_row_commits_per_s": Result(round(HOT_CHANGES / hot_s), "commits/s", None, "higher"),
        "stream_hot_row_behind_s": Result(round(hot_behind_s, 1), "s", None, "lower"),
    }


def _write_single_rows(ground: Ground) -> int:
    """Change each of the first rows once, every writer its own; return the number that they have then."""

    def write(writer: int) -> None:
        with ground.clients.session(ground.source) as session:
            for row in range(1 + writer, COMMITS + 1, WRITERS):
                session.execute("UPDATE public.flat SET seq = 1 WHERE id = $1", [row])

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    return 1


def _write_hot_row(ground: Ground) -> int:
    """Change one row again and again, each time in a transaction of its own, as fast as the server can."""
    with ground.clients.session(ground.source) as session:
        session.execute(
            f"DO $$ BEGIN FOR n IN 1..{HOT_CHANGES} LOOP"
            f" UPDATE public.flat SET seq = n WHERE id = {HOT_ROW}; COMMIT; END LOOP; END $$"
        )
    return HOT_CHANGES


def _time(ground: Ground, write: Callable[[Ground], int], documents: int) -> tuple[float, float]:
    """Return the seconds of writing, and those until searches find so many documents with the last number."""
    started = time.monotonic()
    number = write(ground)
    written = time.monotonic()
    client, alias = ground.clients.elasticsearch, ground.pipeline.alias
    poll(lambda: client.count(index=alias, query={"term": {"seq": number}})["count"] >= documents, PATIENCE_S)
    return written - started, time.monotonic() - written
