"""The lock of a source: whatever changes what belongs to it holds it, wherever it runs.

That is the publication, the slot, the connectors and their positions, and the generations and aliases of its pipelines.
Two runs that begin at the same moment go one after the other, and the second looks at what the first has made. Nobody
waits under it for a start fence or a barrier. PostgreSQL gives it back when the session ends, however it ends.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import psycopg

from pg2es.adapters.postgres import Session, fetch_one, translate_errors
from pg2es.core.config import Source
from pg2es.core.errors import SourceBusy
from pg2es.core.sql import protocol
from pg2es.services.clients import Clients

LOCK_TIMEOUT_S = 1800

_held: ContextVar[frozenset[tuple[str, str]]] = ContextVar("_held", default=frozenset())
"""Databases and sources whose lock this thread holds: a step that takes it may be part of another that has it."""


@contextmanager
def locked_source(clients: Clients, source: Source, timeout_s: float | None = None) -> Iterator[None]:
    """Hold the right to change what belongs to a source.

    SourceBusy names who has it when it is not to be had in time, by default `LOCK_TIMEOUT_S`.
    """
    mine = (str(clients.postgres(source)), source.name)
    if mine in _held.get():
        yield
        return
    with clients.session(source) as session:
        _lock(session, source, LOCK_TIMEOUT_S if timeout_s is None else timeout_s)
        before = _held.set(_held.get() | {mine})
        try:
            yield
        finally:
            _held.reset(before)


def _lock(session: Session, source: Source, timeout_s: float) -> None:
    with translate_errors(f"Source {source.name}"):
        fetch_one(session, protocol.LOCK_TIMEOUT, f"{timeout_s * 1000:.0f}ms")
        try:
            fetch_one(session, protocol.SOURCE_LOCK, source.name)
        except psycopg.errors.LockNotAvailable as error:
            holder = session.execute(protocol.SOURCE_LOCK_HOLDER, [source.name]).fetchone()
            raise SourceBusy(source.name, timeout_s, holder) from error
