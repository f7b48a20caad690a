"""How late a change is at a steady rate: until Elasticsearch has acknowledged it, and until a search finds it."""

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from threading import Event

from bench.ground import Ground, prepare_ground
from bench.results import Result
from bench.stream import backfill_all

ROWS = 100_000
PER_COMMIT = 5
WARM_UP_S = 10
SECONDS = 30
SEARCH_INTERVAL_S = 0.02
GET_INTERVAL_S = 0.002
MOST_ASKED = 40
RATES = (100, 500, 1_000)
REFRESH_INTERVALS = ("1s", "200ms")


def measure_latency() -> dict[str, Result]:
    """Return percentiles of the time from a commit, by rate and refresh interval."""
    results: dict[str, Result] = {}
    first = 1
    with prepare_ground(ROWS) as ground:
        generation = backfill_all(ground)
        rows = range(ROWS)
        measure_for(ground, Traffic(rows, RATES[-1], first), measure_delays, WARM_UP_S)
        for rate in RATES:
            first += 1_000_000
            delays = measure_for(ground, Traffic(rows, rate, first), measure_acknowledged, SECONDS)
            targets = (40.0, 150.0) if rate == 500 else (None, None)
            results |= percentiles(f"commit_to_acknowledged_{rate}", delays, targets)
        for interval in REFRESH_INTERVALS:
            settings = {"index.refresh_interval": interval}
            ground.clients.elasticsearch.indices.put_settings(index=generation.index, settings=settings)
            for rate in RATES:
                first += 1_000_000
                delays = measure_for(ground, Traffic(rows, rate, first), measure_delays, SECONDS)
                name = f"commit_to_searchable_{rate}_refresh_{interval}"
                results |= percentiles(name, delays, (None, _SEARCHABLE_P99_MS.get((rate, interval))))
    return results


_SEARCHABLE_P99_MS = {(500, "1s"): 1_350.0, (1_000, "1s"): 1_350.0, (500, "200ms"): 550.0}


@dataclass(frozen=True)
class Traffic:
    """Changes of rows, so many in a second; each transaction has a number, which its rows carry."""

    rows: range
    rate: int
    first_number: int = 1

    def first_row(self, number: int) -> int:
        """The row before those that a transaction changes."""
        return self.rows.start + ((number - self.first_number) * PER_COMMIT) % (len(self.rows) - PER_COMMIT)


Measurement = Callable[[Ground, Traffic, Event], list[float]]


def measure_for(ground: Ground, traffic: Traffic, measurement: Measurement, seconds: float) -> list[float]:
    """Measure for so long."""
    stop = Event()
    threading.Timer(seconds, stop.set).start()
    return measurement(ground, traffic, stop)


def measure_beside_job(
    ground: Ground, rows: range, rate: int, usual_s: float, job: Callable[[], float]
) -> tuple[list[float], list[float], float]:
    """Return the usual delays, those while a job is done, and the seconds that it returns."""
    measure_for(ground, Traffic(rows, rate), measure_delays, WARM_UP_S)
    usual = measure_for(ground, Traffic(rows, rate, first_number=10_000), measure_delays, usual_s)
    done = Event()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(job)
        running.add_done_callback(lambda _: done.set())
        meanwhile = measure_delays(ground, Traffic(rows, rate, first_number=100_000), done)
    return usual, meanwhile, running.result()


def measure_delays(ground: Ground, traffic: Traffic, stop: Event) -> list[float]:
    """Change rows, PER_COMMIT in a transaction, until told to stop, and search for what has become visible."""
    delays: list[float] = []
    before = traffic.first_number - 1
    seen = before
    with writing(ground, traffic, stop) as (writer, committed):
        while writer.is_alive() or seen - before < len(committed):
            found = _newest(ground, seen)
            now = time.monotonic()
            if found > seen:
                delays.extend(now - committed[number] for number in range(seen + 1, found + 1))
                seen = found
            time.sleep(SEARCH_INTERVAL_S)
    return delays


def measure_acknowledged(ground: Ground, traffic: Traffic, stop: Event) -> list[float]:
    """The same, asking for the documents by their ids: what Elasticsearch has acknowledged, it returns at once."""
    delays: list[float] = []
    waiting: list[int] = []
    known = 0
    with writing(ground, traffic, stop) as (writer, committed):
        while writer.is_alive() or known < len(committed) or waiting:
            new = len(committed)
            waiting.extend(range(traffic.first_number + known, traffic.first_number + new))
            known = new
            done = _acknowledged(ground, traffic, waiting[:MOST_ASKED])
            now = time.monotonic()
            for number in done:
                waiting.remove(number)
                delays.append(now - committed[number])
            time.sleep(GET_INTERVAL_S)
    return delays


@contextmanager
def writing(ground: Ground, traffic: Traffic, stop: Event) -> Iterator[tuple[threading.Thread, dict[int, float]]]:
    """Give the thread that writes, and when each transaction was committed, by number."""
    committed: dict[int, float] = {}
    writer = threading.Thread(target=_write, args=(ground, traffic, committed, stop))
    writer.start()
    yield writer, committed
    writer.join()


def _write(ground: Ground, traffic: Traffic, committed: dict[int, float], stop: Event) -> None:
    """Keep the pace by the clock."""
    started = time.monotonic()
    with ground.clients.session(ground.source) as session:
        for done in count():
            number = traffic.first_number + done
            first = traffic.first_row(number)
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


def _acknowledged(ground: Ground, traffic: Traffic, numbers: list[int]) -> list[int]:
    """Return which of the transactions are in their last row's document; the rows of one come in one request."""
    if not numbers:
        return []
    ids = [str(traffic.first_row(number) + PER_COMMIT) for number in numbers]
    answer = ground.clients.elasticsearch.mget(index=ground.pipeline.alias, ids=ids, source_includes=["seq"])
    found = [document["_source"]["seq"] for document in answer["docs"]]
    return [number for number, seq in zip(numbers, found, strict=True) if seq >= number]


def percentile(delays: list[float], which: int) -> float:
    """Return a percentile, in seconds."""
    return statistics.quantiles(delays, n=100)[which - 1]


def percentiles(name: str, delays: list[float], targets: tuple[float | None, float | None]) -> dict[str, Result]:
    """Return the median and the 99th percentile as results."""
    return {
        f"{name}_p{which}_ms": Result(round(percentile(delays, which) * 1000), "ms", target, "lower")
        for which, target in zip((50, 99), targets, strict=True)
    }
