"""refresh(roots) in batches: read documents at a version, write them, and again until each is acknowledged.

    BEGIN ── version V ── COPY documents ── flush ── COMMIT ──▶ _bulk, _bulk, …  (several in flight)
                ▲                                                   │
                └────────── not acknowledged: a new version ◀───────┘

A range is read in slices of a few MiB, each with a version of its own, so memory is the same for any range, and nothing
is written before the transaction that read it has committed (refresh protocol, steps 2 to 5).
"""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace

import orjson
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from pg2es.adapters.elasticsearch import BulkOutcome, Client, Rejection, send_bulk
from pg2es.adapters.postgres import (
    Session,
    fetch_one,
    read_identity,
    read_relations,
    translate_errors,
    translate_sql_errors,
)
from pg2es.core.backfill import BlockRange
from pg2es.core.batches import by_halves, in_batches
from pg2es.core.errors import ElasticsearchUnavailable, TooSlow, UnreadableRow
from pg2es.core.generations import Meta
from pg2es.core.redaction import redact_reason
from pg2es.core.refresh import Key, Pace
from pg2es.core.sql import DocumentSql, protocol
from pg2es.services.refresh.ids import id_of, parse_ids
from pg2es.services.refresh.slices import Body, Slice, fill

log = logging.getLogger(__name__)

SLICE_BYTES = 8 * 1024 * 1024
"""What a slice aims at; so much of each range is in memory, times the slices that wait."""

SLICES_WRITTEN = 1
"""Slices that are being written while the next one is read: enough that Elasticsearch never waits for PostgreSQL."""

IN_FLIGHT = 1
"""Bulk requests of one lane on their way at the same time: more make a backfill no faster, and what the stream writes
waits behind them (docs/performance.md)."""

DEADLINE_S = 600
"""D of the refresh protocol (rule 6): an older version is not sent any more."""

PATIENCE_S = 300
"""How long one process keeps trying before it leaves the retry to its caller."""

MOST_FAILURES = 8
"""So often Elasticsearch may fail over a document, for more than a minute, before that is rejected."""

KEYS_AT_ONCE = 500

UNREADABLE_ROW = "unreadable_row"
"""Kind of error of a document that PostgreSQL cannot make; those of Elasticsearch have its own names."""

SLICE_MOST_BYTES = 4 * SLICE_BYTES
"""What is read of a block range before it is read in parts."""


class _TooMuchAtOnce(Exception):
    """A block range has more than SLICE_MOST_BYTES."""


_FEWER = (UnreadableRow, TooSlow, _TooMuchAtOnce)

_COPY_HEADER_BYTES = 19
_COPY_ROW_PREFIX_BYTES = 6  # number of columns, length of the only one
_COPY_TRAILER = b"\xff\xff"


@dataclass(frozen=True)
class Target:
    """One generation, and the documents that belong into it."""

    index: str
    meta: Meta
    sql: DocumentSql


@dataclass
class CopyResult:
    """What a copy did."""

    rows: int = 0
    bytes: int = 0
    outcome: BulkOutcome = field(default_factory=BulkOutcome)


class Refresher:
    """Refreshes roots of one generation through one session.

    `schedule` has roots without a document refreshed a second time (rule 7); a copy, which deletes nothing, needs none.
    Raises IdentityMismatch when the session's database is not the generation's (rule 12).
    """

    def __init__(
        self,
        session: Session,
        client: Client,
        target: Target,
        schedule: Callable[[Sequence[Key]], None] | None = None,
    ) -> None:
        self._schedule = schedule
        self._failures: Counter[str] = Counter()
        self._session = session
        self._client = client
        self._target = target
        self._flush = protocol.flush(session.info.server_version)
        found = read_identity(session)
        if mismatch := target.meta.find_mismatch(target.index, found):
            raise mismatch

    def copy(self, slices: Iterator[BlockRange], on_slice: Callable[[Slice], None]) -> CopyResult:
        """Refresh the rows of block ranges. `on_slice` learns how large each one was.

        Raises ElasticsearchUnavailable when a slice was not acknowledged within PATIENCE_S, DocumentSqlError, or
        PostgresUnavailable; whatever was written by then is right and stays.
        """
        result, pace = CopyResult(), Pace(SLICES_WRITTEN)
        waiting: deque[tuple[BlockRange, Slice, list[Future[BulkOutcome]]]] = deque()
        with ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="bulk") as writers:

            def settle_oldest() -> None:
                blocks, read, futures = waiting.popleft()
                outcome = self._settle(blocks, read, futures, pace)
                result.rows += read.rows
                result.bytes += read.bytes
                result.outcome.add(outcome)

            for blocks in slices:
                if pace.pause_s:
                    log.info("Elasticsearch is behind: the next slice is read in %.1f s", pace.pause_s)
                    time.sleep(pace.pause_s)
                try:
                    read = self.read_blocks(blocks)
                except _FEWER as error:
                    read, outcome = self._copy_parts(blocks, error)
                    result.outcome.add(outcome)
                on_slice(read)
                waiting.append((blocks, read, [writers.submit(self._send, read, body) for body in read.bodies]))
                while len(waiting) > pace.waiting:
                    settle_oldest()
            while waiting:
                settle_oldest()
        return result

    def refresh_keys(self, keys: Sequence[Key]) -> BulkOutcome:
        """Refresh these roots, each key given as texts in key order; a root without a document is deleted."""
        return self._refresh_keys(keys, self._read_keys)[1]

    def refresh_ids(self, ids: Sequence[str]) -> BulkOutcome:
        """Refresh the roots of these documents; one whose id is no key is deleted, as no row can have it."""
        total = BulkOutcome()
        for part in in_batches(ids, KEYS_AT_ONCE):
            with translate_errors(f"Pipeline {self._target.sql.pipeline.name}"):
                found = parse_ids(self._session, self._target.sql, part)
            total.add(self.refresh_keys(list(found.keys.values())))
            if found.foreign:
                total.add(self._until_acknowledged(lambda foreign=found.foreign: self._read_foreign(foreign))[1])  # type: ignore[misc]
        return total

    def _refresh_keys(self, keys: Sequence[Key], read: Callable[[Sequence[Key]], Slice]) -> tuple[Slice, BulkOutcome]:
        """Refresh roots, by halves where they cannot be read together; one that fails alone is rejected.

        Raises TooSlow for a root that takes too long alone.
        """
        done, total = Slice(), BulkOutcome()

        def refresh(part: Sequence[Key]) -> None:
            rest = part
            while rest:
                found, outcome = self._until_acknowledged(lambda rest=rest: read(rest))  # type: ignore[misc]
                done.count(found)
                total.add(outcome)
                rest = found.left

        for batch in in_batches(keys, KEYS_AT_ONCE):
            for part, failure in by_halves(batch, refresh, _FEWER):
                if isinstance(failure, UnreadableRow):
                    shown = redact_reason(failure.problem, self._target.sql.pipeline.redact)
                    total.rejected.append(Rejection(id_of(part[0]), UNREADABLE_ROW, shown))
                elif failure is not None:
                    raise self._too_slow(part[0]) from failure
        return done, total

    def _too_slow(self, key: Key) -> TooSlow:
        return TooSlow(
            f"Pipeline {self._target.sql.pipeline.name}: reading the document of root {id_of(key)} was cut off, after "
            f"{protocol.READ_LIMIT_S} s at most. Look what it waits for; EXPLAIN the document SQL, as an index may be "
            f"missing."
        )

    def _copy_range(self, blocks: BlockRange) -> tuple[Slice, BulkOutcome]:
        """Refresh the rows of a block range, however they can be read."""
        try:
            return self._until_acknowledged(lambda: self.read_blocks(blocks))
        except _FEWER as error:
            return self._copy_parts(blocks, error)

    def _copy_parts(self, blocks: BlockRange, error: Exception) -> tuple[Slice, BulkOutcome]:
        """Refresh the rows of a block range that cannot be read as a whole: by halves, those of one block by keys."""
        log.warning("Blocks %s are read in parts: %s", blocks, error)
        end = self._count_blocks(blocks.relation) if blocks.end is None else blocks.end
        if end - blocks.first <= 1:
            return self._copy_rows(blocks)
        middle = (blocks.first + end) // 2
        done, total = Slice(), BulkOutcome()
        for half in (replace(blocks, end=middle), replace(blocks, first=middle)):
            part, outcome = self._copy_range(half)
            done.count(part)
            total.add(outcome)
        return done, total

    def _copy_rows(self, blocks: BlockRange) -> tuple[Slice, BulkOutcome]:
        """Refresh the rows of a block range by their keys, without deleting any."""
        with translate_errors(f"Pipeline {self._target.sql.pipeline.name}"):
            keys = self._session.execute(self._target.sql.keys_of_blocks(blocks)).fetchall()
        return self._refresh_keys(keys, lambda part: self._read_keys(part, delete=False))

    def _count_blocks(self, relation: str) -> int:
        with translate_errors(f"Pipeline {self._target.sql.pipeline.name}"):
            return sum(found.blocks for found in read_relations(self._session, relation) if found.name == relation)

    def _settle(self, blocks: BlockRange, read: Slice, futures: list[Future[BulkOutcome]], pace: Pace) -> BulkOutcome:
        """Wait for the requests of a slice; read and write it again, with a new version, as long as one failed."""
        try:
            outcome = self._gather(read, [future.result() for future in futures])
            pace.went_well()
            return outcome
        except ElasticsearchUnavailable as error:
            pace.slow_down()
            log.warning("Blocks %s will be read again: %s", blocks, error)
            return self._copy_range(blocks)[1]

    def _until_acknowledged(self, read: Callable[[], Slice]) -> tuple[Slice, BulkOutcome]:
        for attempt in Retrying(
            retry=retry_if_exception_type(ElasticsearchUnavailable),
            wait=wait_exponential_jitter(multiplier=0.5, max=30),
            stop=stop_after_delay(PATIENCE_S),
            before_sleep=_log_pause,
            reraise=True,
        ):
            with attempt:
                found = read()
                # Before the delete: whoever is killed after it leaves nothing behind that nobody looks at again.
                if found.deleted and self._schedule:
                    self._schedule(found.deleted)
                return found, self._gather(found, [self._send(found, body) for body in found.bodies])
        raise AssertionError  # pragma: no cover - Retrying returns or raises

    def _send(self, read: Slice, body: Body) -> BulkOutcome:
        if time.monotonic() > read.deadline:
            raise ElasticsearchUnavailable(f"{self._target.index}: documents waited too long to be sent (rule 6)")
        return send_bulk(self._client, self._target.index, body.lines, body.items)

    def _gather(self, read: Slice, outcomes: list[BulkOutcome]) -> BulkOutcome:
        total = BulkOutcome()
        for outcome in outcomes:
            total.add(outcome)
        for failed in total.failing:
            self._failures[failed.id] += 1
            if self._failures[failed.id] < MOST_FAILURES:
                total.again.append(str(failed))
            else:
                total.rejected.append(failed)
        redact = self._target.sql.pipeline.redact
        reasons = [replace(rejection, reason=redact_reason(rejection.reason, redact)) for rejection in total.rejected]
        total.rejected = read.refused + reasons
        if total.again:
            raise ElasticsearchUnavailable(
                f"Elasticsearch did not take {len(total.again)} documents of {self._target.index}: {total.again[0]}"
            )
        return total

    def read_blocks(self, blocks: BlockRange) -> Slice:
        """Return the documents of a block range at a new version, ready to send."""
        return self._read(lambda version: self._copied_rows(self._target.sql.copy_blocks(blocks, version)))

    def _read_keys(self, keys: Sequence[Key], *, delete: bool = True) -> Slice:
        columns = [list(column) for column in zip(*keys, strict=True)]
        most = self._target.sql.pipeline.max_document_bytes
        deleted: list[Key] = []
        left: list[Key] = []

        def rows(version: int) -> Generator[bytes]:
            arguments = [*columns, version, most, SLICE_BYTES]
            for _, action, source, size, places in self._session.execute(self._target.sql.by_keys(), arguments):
                if source is not None:
                    yield f"{action}\n{source}\n".encode()
                elif size is None and delete:
                    deleted.append(keys[places[0] - 1])
                    yield f"{action}\n".encode()
                elif size is not None and size > most:
                    yield f"{action}\n{size}\n".encode()
                elif size is not None:
                    left.append(keys[places[0] - 1])

        found = self._read(rows)
        found.deleted, found.left = deleted, left
        return found

    def _read_foreign(self, ids: Sequence[str]) -> Slice:
        def rows(version: int) -> Generator[bytes]:
            for identifier in dict.fromkeys(ids):
                delete = {"delete": {"_id": identifier, "version": version, "version_type": "external"}}
                yield orjson.dumps(delete) + b"\n"

        return self._read(rows)

    def _read(self, rows_at: Callable[[int], Generator[bytes]]) -> Slice:
        """Steps 2 to 4: the version, then the read, then the flush, in one transaction."""
        pipeline = self._target.sql.pipeline
        started = time.monotonic()
        found = Slice(deadline=started + DEADLINE_S)
        with translate_sql_errors(pipeline.name), self._session.transaction():
            self._session.execute(protocol.LIMIT_READ)
            lsn = int(fetch_one(self._session, protocol.VERSION)[0])
            # Closed before the transaction ends: a COPY that is left halfway must not be waited for.
            with closing(rows_at((self._target.meta.epoch << 56) | lsn)) as rows:
                fill(found, rows, pipeline)
            self._session.execute(self._flush)
        found.seconds = time.monotonic() - started
        return found

    def _copied_rows(self, statement: str) -> Generator[bytes]:
        """Bytes of each row of a binary COPY with one column; PostgreSQL sends one message for each row."""
        size = 0
        with self._session.cursor().copy(statement) as copy:
            skip = _COPY_HEADER_BYTES
            for message in copy:
                size += len(message)
                if size > SLICE_MOST_BYTES:
                    raise _TooMuchAtOnce(f"its documents have more than {SLICE_MOST_BYTES:,} bytes")
                if len(message) - skip > len(_COPY_TRAILER):
                    yield bytes(message[skip + _COPY_ROW_PREFIX_BYTES :])
                skip = 0


def _log_pause(state: RetryCallState) -> None:
    if state.outcome and state.next_action:
        log.warning("Trying again in %.1f s: %s", state.next_action.sleep, state.outcome.exception())
