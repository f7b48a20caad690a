"""A PostgreSQL and an Elasticsearch small enough to hold in the head, and writers that a test moves step by step.

    writer ──▶ call of a fake ── pause ──▶ the test does anything else ──▶ the writer goes on

Each writer is a greenlet. It runs the real Refresher, and every call that it makes to a server hands control back, so
that commits, other writers, crashes and late requests come in between, at whatever place the test likes.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from types import SimpleNamespace
from typing import Any, Self, cast

import psycopg
from elastic_transport import ConnectionTimeout
from elasticsearch import ApiError
from greenlet import getcurrent, greenlet

from pg2es.core.backfill import BlockRange
from pg2es.core.config import Pipeline
from pg2es.core.sql import DocumentSql, protocol
from pg2es.core.table import Column, Key, ReplicaIdentity, Table

GC_DELETES_S = 3600
BULK_ON_ITS_WAY_S = 60  # B of the refresh protocol: no request is applied later than so long after it was sent


def pause(ready: Callable[[], bool] = lambda: True) -> None:
    """Hand control to the test; it comes back when the test likes, once `ready`."""
    current = getcurrent()
    assert current.parent
    current.parent.switch(ready)


def _find_test() -> greenlet:
    """Return the greenlet that the test runs in; a writer may be made by another one."""
    found = getcurrent()
    while found.parent:
        found = found.parent
    return found


class Writer:
    """One process that writes: steps on to the next call of a server. `run` may be started again after an error."""

    def __init__(self, name: str, run: Callable[[], object]) -> None:
        self.name = name
        self.error: Exception | None = None
        self._ready: Callable[[], bool] = lambda: True
        self._greenlet = greenlet(lambda: self._run(run), parent=_find_test())

    @property
    def done(self) -> bool:
        return bool(self._greenlet.dead)

    @property
    def can_step(self) -> bool:
        return not self.done and self._ready()

    def step(self) -> None:
        found = self._greenlet.switch()
        if not self.done:
            self._ready = found

    def _run(self, run: Callable[[], object]) -> None:
        try:
            run()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.error = error


class Later:
    """Stands for ThreadPoolExecutor: what is submitted is one more writer, whose result can be waited for."""

    def __init__(self, start: Callable[[Writer], None]) -> None:
        self._start = start

    def __call__(self, _workers: int, **_options: object) -> Later:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def submit(self, call: Callable[..., object], *arguments: object) -> Promise:
        promise = Promise()
        promise.writer = Writer("bulk", lambda: promise.keep(call(*arguments)))
        self._start(promise.writer)
        return promise


class Promise:
    """The result of a submitted call."""

    writer: Writer
    _value: object = None

    def keep(self, value: object) -> None:
        self._value = value

    def result(self) -> object:
        pause(lambda: self.writer.done)
        if self.writer.error:
            raise self.writer.error
        return self._value


@dataclass(frozen=True)
class Row:
    """A row: in which block it is, and its value."""

    block: int
    value: int


Rows = dict[int, Row]
Transaction = dict[int, Row | None]
"""What a transaction does to rows; None deletes one."""


class FakePostgres:
    """Rows, a WAL position, and commits that are in the WAL before others see them."""

    def __init__(self, rows: Rows) -> None:
        self.rows = dict(rows)
        self.hidden: list[Transaction] = []
        self.lsn = 1000
        self.flushed = 1000
        self.starts = 0
        self.unique_versions = True
        self.statement_snapshots = True
        self.flushes = True

    def commit(self, transaction: Transaction) -> None:
        """Write a commit to disk; it is not yet visible."""
        self.lsn += 1
        self.flushed = self.lsn
        self.hidden.append(transaction)

    def show(self, number: int) -> Transaction:
        """Let others see a commit."""
        transaction = self.hidden.pop(number)
        for key, row in transaction.items():
            if row is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = row
        return transaction

    def crash(self) -> None:
        """Lose what was not flushed: its LSNs are given out again. Sessions end."""
        self.lsn = self.flushed
        self.starts += 1

    def take_version(self) -> int:
        self.lsn += self.unique_versions
        return self.lsn

    def flush(self) -> None:
        if self.flushes:
            self.flushed = self.lsn


class FakeSession:
    """What Refresher uses of a psycopg connection."""

    info = SimpleNamespace(server_version=180000, dbname="world", host="world", port=0)

    def __init__(self, server: FakePostgres) -> None:
        self._server = server
        self._started = server.starts
        self._snapshot: Rows | None = None

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> FakeCursor:
        if statement == protocol.LIMIT_READ:  # no statement of this world takes time
            return FakeCursor([])
        pause()
        self._check_alive()
        if statement == protocol.IDENTITY:
            return FakeCursor([("1", 1, False)])
        if statement == protocol.VERSION:
            return FakeCursor([(self._server.take_version(),)])
        if statement == protocol.flush(self.info.server_version):
            self._server.flush()
            return FakeCursor([])
        keys, version, _, _ = parameters
        found = [_refreshed(self._visible(), int(key), version) for key in dict.fromkeys(keys)]
        return FakeCursor([(*row, row[2] and len(row[2]), [keys.index(row[0]) + 1]) for row in found])

    def cursor(self) -> FakeSession:
        return self

    @contextmanager
    def copy(self, statement: str) -> Iterator[Iterator[bytes]]:
        pause()
        self._check_alive()
        first, end, version = json.loads(statement)
        found = [
            "".join(f"{line}\n" for line in _refreshed(self._visible(), key, version)[1:] if line).encode()
            for key, row in sorted(self._visible().items())
            if first <= row.block and (end is None or row.block < end)
        ]
        yield iter(_binary_copy(found))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._snapshot = None if self._server.statement_snapshots else dict(self._server.rows)
        pause()
        self._check_alive()
        yield
        pause()
        self._check_alive()

    def _visible(self) -> Rows:
        return self._server.rows if self._snapshot is None else self._snapshot

    def _check_alive(self) -> None:
        if self._started != self._server.starts:
            raise psycopg.OperationalError("the server crashed")


@dataclass(frozen=True)
class FakeCursor:
    """Rows of an answer."""

    rows: list[tuple[Any, ...]]

    def fetchone(self) -> tuple[Any, ...] | None:
        return self.rows[0] if self.rows else None

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self.rows)


def _refreshed(rows: Mapping[int, Row], key: int, version: int) -> tuple[str, str, str | None]:
    """Return what the document SQL gives for one root."""
    action = "index" if key in rows else "delete"
    line = json.dumps({action: {"_id": str(key), "version": version, "version_type": "external"}})
    return str(key), line, json.dumps({"value": rows[key].value}) if key in rows else None


def _binary_copy(rows: list[bytes]) -> list[bytes]:
    """Return the messages of a binary COPY with one column: the header comes with the first, the trailer last."""
    messages = [struct.pack("!hi", 1, len(row)) + row for row in rows]
    messages.append(b"\xff\xff")
    messages[0] = b"PGCOPY\n\xff\r\n\0" + bytes(8) + messages[0]
    return messages


class FakeSql(DocumentSql):
    """Statements that the fake understands; those of `protocol` are the real ones."""

    @classmethod
    def create(cls) -> FakeSql:
        table = Table("public.t", (Column("id", "bigint", not_null=True),), ("id",), ReplicaIdentity.DEFAULT, ("id",))
        pipeline = Pipeline.model_validate({"name": "t", "source": "world", "table": "public.t", "mapping": {}})
        return cls(pipeline, table, Key(table.columns))

    def copy_blocks(self, blocks: BlockRange, version: int) -> str:
        return json.dumps([blocks.first, blocks.end, version])


class Trouble(Enum):
    """What can happen to a bulk request."""

    NEVER_ARRIVES = auto()
    ARRIVES_LATE = auto()  # its writer has given it up by then
    ANSWER_LOST = auto()
    REFUSED = auto()  # 503
    HALF_OVERLOADED = auto()  # 429 for every second item


@dataclass
class Item:
    """One write: `document` None deletes."""

    id: str
    version: int
    document: str | None


@dataclass
class Late:
    """A write that is still on its way; `copies` of it may arrive."""

    item: Item
    sent: float
    copies: int = 2


@dataclass
class Stored:
    """A document, or the tombstone of one."""

    version: int
    document: str | None
    since: float


@dataclass
class FakeElasticsearch:
    """Documents under external versioning, with tombstones that are forgotten after a while."""

    documents: dict[str, Stored] = field(default_factory=dict)
    late: list[Late] = field(default_factory=list)
    now: float = 0.0
    accepts_equal: bool = False
    trouble: Trouble | None = None
    """What happens to the next request."""

    @property
    def raw(self) -> FakeElasticsearch:
        return self

    def perform_request(self, _method: str, path: str, *, body: bytes, **_options: object) -> SimpleNamespace:
        sent = self.now
        pause()
        assert path.endswith("/_bulk")
        trouble, self.trouble = self.trouble, None
        items = _parse(body)
        if self.now - sent > BULK_ON_ITS_WAY_S or trouble is Trouble.NEVER_ARRIVES:
            raise ConnectionTimeout("timed out")
        if trouble is Trouble.REFUSED:
            meta = cast("Any", SimpleNamespace(status=503))
            raise ApiError("unavailable", meta, {"error": {"type": "unavailable", "reason": "no"}})
        if trouble is Trouble.ARRIVES_LATE:
            self.late += [Late(item, sent) for item in items]
            raise ConnectionTimeout("timed out")
        if trouble is Trouble.HALF_OVERLOADED:
            statuses = [self.apply(item) if number % 2 else 429 for number, item in enumerate(items)]
        else:
            statuses = [self.apply(item) for item in items]
        if trouble is Trouble.ANSWER_LOST:
            raise ConnectionTimeout("timed out")
        answered = [{"index": {"_id": i.id, "status": s}} for i, s in zip(items, statuses, strict=True)]
        return SimpleNamespace(body=json.dumps({"errors": max(statuses) >= 300, "items": answered}).encode())

    def apply(self, item: Item) -> int:
        """Write an item if its version is the highest, and return the status."""
        found = self.documents.get(item.id)
        if found and (item.version < found.version or (item.version == found.version and not self.accepts_equal)):
            return 409
        self.documents[item.id] = Stored(item.version, item.document, self.now)
        return 404 if item.document is None and (found is None or found.document is None) else 200

    def deliver(self, number: int) -> None:
        """Apply a late write; it may come once more."""
        late = self.late[number]
        self.apply(late.item)
        late.copies -= 1
        if not late.copies:
            self.late.pop(number)

    def pass_time(self, seconds: float) -> None:
        """Let time pass: requests on their way are dropped after a while, and old tombstones are forgotten."""
        self.now += seconds
        self.late = [late for late in self.late if self.now - late.sent <= BULK_ON_ITS_WAY_S]
        self.documents = {
            key: stored
            for key, stored in self.documents.items()
            if stored.document is not None or self.now - stored.since <= GC_DELETES_S
        }

    def contents(self) -> dict[str, str]:
        """Return what a search sees."""
        return {key: stored.document for key, stored in self.documents.items() if stored.document is not None}


def _parse(body: bytes) -> list[Item]:
    lines = iter(body.decode().splitlines())
    items = []
    for line in lines:
        ((operation, action),) = json.loads(line).items()
        items.append(Item(action["_id"], action["version"], next(lines) if operation == "index" else None))
    return items
