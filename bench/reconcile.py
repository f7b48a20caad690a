"""How fast a clean table is proven equal, against the bare statement and against comparing every document."""

import json
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path

from elasticsearch.helpers import scan

from bench.ground import DATABASE, PIPELINE, Ground, prepare_ground, superuser
from bench.reindex import fill
from bench.results import Result
from pg2es.core.config import Pipeline, load_project
from pg2es.core.drift import Deep, Outcome
from pg2es.services.clients import Clients
from pg2es.services.drift import compare, reconcile
from pg2es.services.generations import require_live_generation
from pg2es.services.tables import read_tables

ROWS = 1_000_000
ROUNDS = 3
MEMORY_ROWS = (200_000, 1_000_000)


def measure_reconcile() -> dict[str, Result]:
    """Return speeds of a reconciliation of a clean flat table, and ratios of its time within the same rounds."""
    with prepare_ground(ROWS) as ground:
        fill(ground)
        rounds = [(_time(lambda: _run(ground)), _time(lambda: _scan(ground))) for _ in range(ROUNDS)]
        whole = statistics.median(seconds for seconds, _ in rounds)
        deep = _time(lambda: _run(ground, Deep.ALL))
        fetched = _time(lambda: _fetch_and_compare(ground))
        verified = _time(lambda: _verify(ground))
        with _one_process():
            alone = _time(lambda: _run(ground))
    return {
        "reconcile_rows_per_s_per_pg_core": Result(round(ROWS / alone), "rows/s", None, "higher"),
        "reconcile_rows_per_s": Result(round(ROWS / whole), "rows/s", None, "higher"),
        "reconcile_vs_sql_scan": Result(
            round(statistics.median(ours / bare for ours, bare in rounds), 3), "ratio", 1.3, "lower"
        ),
        "reconcile_vs_fetch_compare": Result(round(fetched / whole, 1), "ratio", 10, "higher"),
        "reconcile_vs_verify": Result(round(verified / whole, 1), "ratio", None, "higher"),
        "reconcile_deep_docs_per_s": Result(round(ROWS / deep), "docs/s", 40_000, "higher"),
    }


def measure_reconcile_memory() -> dict[str, Result]:
    """Return the peak memory of a process that reconciles a million rows as a ratio of that at 200,000."""
    peaks = []
    for rows in MEMORY_ROWS:
        with prepare_ground(rows) as ground:
            fill(ground)
            process = multiprocessing.get_context("spawn")
            receiver, sender = process.Pipe(duplex=False)
            child = process.Process(target=_report_peak, args=(ground.clients.project.folder, sender))
            child.start()
            peaks.append(receiver.recv())
            child.join()
    return {"reconcile_memory_growth": Result(round(peaks[1] / peaks[0], 3), "ratio", 1.10, "lower")}


def _time(work: Callable[[], None]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def _run(ground: Ground, deep: Deep = Deep.NONE) -> None:
    _reconcile(ground.clients, ground.pipeline, deep)


def _reconcile(clients: Clients, pipeline: Pipeline, deep: Deep) -> None:
    done = reconcile(clients, pipeline, deep=deep, repair=False, max_repair_fraction=0)
    if done.outcome is not Outcome.EQUAL:
        raise RuntimeError(str(done))


def _scan(ground: Ground) -> None:
    """Run the bare statement."""
    with ground.clients.session(ground.source) as session:
        session.execute(read_tables(session, ground.pipeline).sql.sum_digests()).fetchall()


def _fetch_and_compare(ground: Ground) -> None:
    """Do what a script would: scroll through the index, fetch the rows of each page, compare them as objects."""
    generation = require_live_generation(ground.clients.elasticsearch, ground.pipeline)
    compared = 0
    with ground.clients.session(ground.source) as session:
        sql = read_tables(session, ground.pipeline).sql.by_keys()
        hits = scan(ground.clients.elasticsearch, index=generation.index, size=1_000)
        while page := {hit["_id"]: hit["_source"] for hit in islice(hits, 1_000)}:
            rows = session.execute(sql, [list(page), 0, 2**30, 2**30]).fetchall()
            if page != {identifier: json.loads(source) for identifier, _, source, _, _ in rows}:
                raise RuntimeError("documents differ")
            compared += len(page)
    if compared != ROWS:
        raise RuntimeError(f"{compared:,} documents, expected {ROWS:,}")


def _verify(ground: Ground) -> None:
    generation = require_live_generation(ground.clients.elasticsearch, ground.pipeline)
    if not compare(ground.clients, ground.pipeline, generation).clean:
        raise RuntimeError("documents differ")


@contextmanager
def _one_process() -> Iterator[None]:
    """Let new sessions in the database do without parallel workers."""
    with superuser(DATABASE) as session:
        session.execute(f"ALTER DATABASE {DATABASE} SET max_parallel_workers_per_gather = 0".encode())
        yield


def _report_peak(folder: Path, sender: Connection) -> None:
    clients = Clients(load_project(folder))
    _reconcile(clients, clients.project.pipeline(PIPELINE), Deep.ALL)
    sender.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
