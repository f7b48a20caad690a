"""Who looks all the time at what users see: searches, and where the alias points."""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from pg2es.core.errors import Pg2esError
from pg2es.core.generations import sink_connector
from pg2es.services.generations import list_generations
from pg2es.services.stream import pass_barrier
from pg2es.services.waiting import wait_for
from tests.support import open_elasticsearch

if TYPE_CHECKING:
    from tests.e2e.ground import Ground
    from tests.e2e.writers import Writers

INTERVAL_S = 0.1
_KEPT_FINDINGS = 20


class Watcher(ABC):
    """A thread that looks every 100 ms until it is left, and remembers what is wrong. An error is wrong, too."""

    def __init__(self) -> None:
        self.looks = 0
        self.findings: list[str] = []
        # No retries: an error that a retry would hide is one that a user may see.
        self._client = open_elasticsearch().options(max_retries=0, request_timeout=10)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=type(self).__name__)
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._client.close()

    def check(self) -> None:
        """Fail if anything was wrong, or nobody looked."""
        assert self.looks > 0
        assert self.findings == [], "\n".join(self.findings)  # pytest rewrites no assert of this module

    @abstractmethod
    def look(self) -> Iterator[str]:
        """Give a sentence for each thing that is wrong now."""

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            due = max(due + INTERVAL_S, time.monotonic())
            try:
                self._remember(list(self.look()))
            except Exception as error:  # noqa: BLE001 (whatever it is, a user would have seen it)
                self._remember([f"{type(error).__name__}: {error}"])
            self.looks += 1

    def _remember(self, found: list[str]) -> None:
        if len(self.findings) < _KEPT_FINDINGS:
            self.findings += [f"after {time.monotonic() - self._started:.1f} s: {text}" for text in found]


class Searcher(Watcher):
    """Searches an alias.

    Documents that `stable` finds are always all there: `count` of them, with the ids 1 to `count`. Besides them, those
    are there whose insert was acknowledged before a barrier that has passed (`following`); later ones are in flight.
    """

    def __init__(self, alias: str, stable: dict[str, Any], count: int) -> None:
        super().__init__()
        self._alias = alias
        self._stable = stable
        self._count = count
        self._floor = 0

    @property
    def floor(self) -> int:
        """How many kept notes a search must find by now."""
        return self._floor

    def wait_until_found(self, inserted: int) -> None:
        """Wait until so many kept notes must be found: the stream has caught up."""
        wait_for(
            lambda: self._floor >= inserted,
            timeout_s=120,
            on_timeout=lambda: AssertionError(
                f"{inserted} kept notes were inserted, a barrier has passed {self._floor}"
            ),
        )

    def look(self) -> Iterator[str]:
        floor = self._floor  # before the search: what it rises to meanwhile need not be found
        groups = {"stable": {"filter": self._stable}, "kept": {"filter": {"term": {"kind": "kept"}}}}
        found = self._search(size=0, track_total_hits=True, aggs=groups)
        total = found["hits"]["total"]["value"]
        stable, kept = (found["aggregations"][group]["doc_count"] for group in groups)
        if stable != self._count:
            yield f"{stable} of {self._count} stable documents"
        if kept < floor:
            yield f"{kept} of at least {floor} kept documents"
        if total < self._count + floor:
            yield f"{total} of at least {self._count + floor} documents"
        wanted = 1 + self.looks % self._count
        hits = self._search(size=2, query={"term": {"id": wanted}})["hits"]["hits"]
        if [hit["_source"]["id"] for hit in hits] != [wanted]:
            yield f"searching for id {wanted} finds {hits}"

    @contextmanager
    def following(self, writers: "Writers", ground: "Ground") -> Iterator[None]:
        """Pass barriers all the time: what was inserted before one must be found after it.

        Where the alias may be swapped, the barrier is that of every generation that is fed: the old one, with a sink of
        its own, may be a little ahead.
        """
        left = threading.Event()

        def follow() -> None:
            while not left.wait(1):
                inserted = writers.kept
                clients = ground.clients
                try:
                    pipeline = clients.project.pipeline(self._alias)
                    for generation in list_generations(clients.elasticsearch, pipeline):
                        if clients.connect.config(sink_connector(generation.index)):
                            pass_barrier(clients, pipeline, generation, timeout_s=30)
                except Pg2esError:  # the stream is broken or slow: everything since then is in flight
                    continue
                self._floor = inserted

        thread = threading.Thread(target=follow, name="follower")
        thread.start()
        try:
            yield
        finally:
            left.set()
            thread.join()

    def _search(self, **request: Any) -> dict[str, Any]:
        found: dict[str, Any] = self._client.search(index=self._alias, **request).body
        if found["timed_out"] or found["_shards"]["failed"]:
            raise AssertionError(f"a search is not whole: {found['_shards']}")
        return found


class AliasWatcher(Watcher):
    """Looks where an alias points: always to one index, and to no new one that was not verified."""

    def __init__(self, alias: str) -> None:
        super().__init__()
        self._alias = alias
        self._first = set(self._read())
        self.seen: list[str] = sorted(self._first)

    def look(self) -> Iterator[str]:
        found = self._read()
        if len(found) != 1:
            yield f"the alias points to {sorted(found) or 'nothing'}"
        for index, meta in found.items():
            if index not in self._first and meta.get("verified") is not True:
                yield f"the alias points to {index}, which was not verified: {meta}"
            if index not in self.seen:
                self.seen.append(index)

    def _read(self) -> dict[str, dict[str, Any]]:
        """Return `_meta.pg2es` of the indices behind the alias, all of one moment."""
        found = self._client.indices.get(index=self._alias, features=["aliases", "mappings"]).body
        return {index: body["mappings"]["_meta"]["pg2es"] for index, body in found.items()}
