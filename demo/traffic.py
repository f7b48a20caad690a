"""Traffic: several writers that keep changing the shop, at a steady rate.

    with Traffic(access, writers=4, changes_per_s=150) as traffic:
        ...                       # the shop changes
    print(traffic.counts)         # it is quiet again

The tables must have been loaded (`demo.data`), and no other Traffic may run on them. What a writer does follows from
the seed and its number; only how the writers interleave is chance.
"""

import logging
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from random import Random
from types import TracebackType
from typing import Self

import psycopg

from demo.changes import Shop, change
from demo.data import connect
from demo.errors import DemoError
from pg2es.adapters.postgres import PostgresAccess
from pg2es.core.errors import PostgresUnavailable

log = logging.getLogger(__name__)

_RECONNECT_PAUSE_S = 0.2
_MAX_BACKLOG_S = 1.0


class Traffic:
    """Writers on connections of their own."""

    def __init__(self, access: PostgresAccess, *, writers: int = 4, changes_per_s: float = 150, seed: int = 7) -> None:
        with connect(access) as connection:
            shops = Shop.read(connection, writers)
        self._access = access
        self._changes_per_s = changes_per_s / writers
        self._writers = [Writer(shop, Random(f"{seed} writer {number}")) for number, shop in enumerate(shops)]
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(writers, thread_name_prefix="writer")
        self._running: list[Future[None]] = []

    def __enter__(self) -> Self:
        self._running = [
            self._pool.submit(writer.run, self._access, self._changes_per_s, self._stop) for writer in self._writers
        ]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._pool.shutdown()
        if error is None:
            self.check()

    @property
    def rows(self) -> int:
        """How many rows were inserted, updated and deleted; those that a foreign key deleted are not counted."""
        return sum(writer.rows for writer in self._writers)

    @property
    def counts(self) -> Counter[str]:
        """How many transactions of each kind were made, and how many ended in a deadlock or a lost connection."""
        return sum((writer.counts for writer in self._writers), Counter())

    def check(self) -> None:
        """Raise the DemoError that ended a writer, if one did."""
        for future in self._running:
            if future.done():
                future.result()


class Writer:
    """One of those who change rows."""

    def __init__(self, shop: Shop, random: Random) -> None:
        self.rows = 0
        self.counts: Counter[str] = Counter()
        self._shop = shop
        self._random = random

    def run(self, access: PostgresAccess, changes_per_s: float, stop: threading.Event) -> None:
        """Work until `stop` is set. A connection that is lost is made again; any other error is a DemoError."""
        while not stop.is_set():
            try:
                with connect(access) as connection:
                    self._work(connection, changes_per_s, stop)
            except PostgresUnavailable as error:
                log.info("%s", error)
                self.counts["lost connection"] += 1
                stop.wait(_RECONNECT_PAUSE_S)
            except psycopg.Error as error:
                raise DemoError(f"The traffic on {access.database} has ended: {error}") from error

    def change(self, connection: psycopg.Connection) -> int:
        """Make one change and return how many rows it changed."""
        try:
            kind, rows = change(connection, self._shop, self._random)
        except psycopg.errors.DeadlockDetected:
            kind, rows = "deadlock", 0
        self.counts[kind] += 1
        self.rows += rows
        return rows

    def _work(self, connection: psycopg.Connection, changes_per_s: float, stop: threading.Event) -> None:
        due = time.monotonic()
        while not stop.is_set():
            rows = self.change(connection)
            # A change of nothing takes its time too; who falls far behind does not make up for it in a burst.
            due += max(rows, 1) / changes_per_s
            due = max(due, time.monotonic() - _MAX_BACKLOG_S)
            stop.wait(max(0.0, due - time.monotonic()))
