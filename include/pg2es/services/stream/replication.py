"""Publication and replication slot of a source: where its stream begins in PostgreSQL."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from pg2es.adapters.postgres import Session, fetch_one, translate_errors
from pg2es.core.config import Source
from pg2es.core.errors import ConnectorError, SlotLost
from pg2es.core.sql import catalog, publications
from pg2es.services.stream.fence import describe_holders
from pg2es.services.waiting import wait_for

log = logging.getLogger(__name__)

SLOT_TIMEOUT_S = 120


@dataclass(frozen=True)
class SlotPosition:
    """Where a slot stands: its WAL begins at `restart`, and what lies before `confirmed` will not be sent again."""

    restart: int
    confirmed: int
    created: bool = False


def find_unpublished(session: Session, source: Source, tables: list[str]) -> list[str]:
    """Return the tables that the publication lacks; all, when there is none."""
    with translate_errors(f"Publication {source.publication}"):
        found = session.execute(catalog.PUBLICATION, [source.publication]).fetchone()
    return [name for name in tables if found is None or name not in found[2]]


def ensure_publication(session: Session, source: Source, tables: list[str]) -> None:
    """Create the publication or add the tables that it lacks; one more table in it does no harm and stays."""
    with translate_errors(f"Publication {source.publication}"):
        found = session.execute(catalog.PUBLICATION, [source.publication]).fetchone()
        if found is None:
            session.execute(publications.create_publication(source.publication, tables))
            return
        via_root, all_operations, published = found
        if not via_root or not all_operations:
            session.execute(publications.publish_everything(source.publication))
        missing = [name for name in tables if name not in published]
        if missing:
            session.execute(publications.add_tables(source.publication, missing))


def ensure_slot(session: Session, source: Source, *, is_streamed: Callable[[], bool]) -> SlotPosition:
    """Return where the slot stands; create it when there is none and nothing `is_streamed` from it yet.

    Raises ConnectorError when the slot is somebody else's; SlotLost when it is gone, another than the one that pg2es
    made, or without its WAL while a stream relies on it: a new one would skip silently over the changes in between.
    """
    with translate_errors(f"Slot {source.slot}"):
        found = session.execute(catalog.SLOT, [source.slot]).fetchone()
        if found is None:
            if is_streamed():
                raise SlotLost(source.name, source.slot, "is gone while connectors rely on it")
            return create_slot(session, source)
        plugin, database, _, wal_status, invalidation, restart, confirmed, failover = found
        if plugin != "pgoutput" or database != session.info.dbname:
            raise ConnectorError(
                f"Slot {source.slot} belongs to database {database} and plugin {plugin}; choose another `slot`."
            )
        if wal_status == "lost" or invalidation:
            raise SlotLost(source.name, source.slot, f"has lost the WAL it needs ({invalidation or wal_status})")
        if not failover:
            raise SlotLost(source.name, source.slot, "was made anew by somebody else (it is no failover slot)")
        return SlotPosition(int(restart), int(confirmed))


def create_slot(session: Session, source: Source) -> SlotPosition:
    """Create the slot; it waits for the transactions that write now."""
    log.info(
        "Creating slot %s, once the transactions that write now have ended: %s", source.slot, describe_holders(session)
    )
    with translate_errors(f"Slot {source.slot}"):
        lsn = int(fetch_one(session, catalog.create_slot(session.info.server_version), source.slot)[0])
    return SlotPosition(lsn, lsn, created=True)


def drop_slot(session: Session, source: Source) -> None:
    """Remove the slot, once it is free; it is no error when it is gone."""

    def is_free() -> bool:
        found = session.execute(catalog.SLOT, [source.slot]).fetchone()
        return found is None or not found[2]

    with translate_errors(f"Source {source.name}"):
        wait_for(
            is_free,
            timeout_s=SLOT_TIMEOUT_S,
            on_timeout=lambda: ConnectorError(f"Slot {source.slot} is still in use by another process; end it first."),
        )
        session.execute(catalog.DROP_SLOT, [source.slot])


def drop_slot_and_publication(session: Session, source: Source) -> None:
    """Remove both, once the slot is free; it is no error when they are gone."""
    drop_slot(session, source)
    drop_publication(session, source.publication)


def drop_publication(session: Session, name: str) -> None:
    """Remove a publication; it is no error when it is gone."""
    with translate_errors(f"Publication {name}"):
        session.execute(publications.drop_publication(name))
