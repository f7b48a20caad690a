"""Locks that hold wherever pg2es runs; PostgreSQL gives them back when the session ends, however it ends."""

from collections.abc import Iterator
from contextlib import contextmanager

from pg2es.adapters.postgres import fetch_one
from pg2es.core.source import Source
from pg2es.core.sql import protocol
from pg2es.services.clients import Clients


@contextmanager
def locked_source(clients: Clients, source: Source) -> Iterator[None]:
    """Hold the right to make and remove the connectors of a source: what one removes, no other makes again."""
    with clients.session(source) as session:
        fetch_one(session, protocol.SOURCE_LOCK, source.name)
        yield
