"""Publication and replication slot of a source: where its stream begins in PostgreSQL."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pg2es.adapters import kafka
from pg2es.adapters.postgres import Session, fetch_one, translate_errors
from pg2es.core.config import Source
from pg2es.core.errors import AccessDenied, CatalogError, ConnectorError, SlotLost
from pg2es.core.recovery import OwnerMark, installation_id
from pg2es.core.sql import catalog, publications, remedies
from pg2es.services.clients import Clients
from pg2es.services.stream.fence import describe_holders
from pg2es.services.stream.writability import find_write_problems
from pg2es.services.waiting import wait_for

log = logging.getLogger(__name__)

SLOT_TIMEOUT_S = 120


@dataclass(frozen=True)
class SlotPosition:
    """Where a slot stands: its WAL begins at `restart`, and what lies before `confirmed` will not be sent again."""

    restart: int
    confirmed: int
    created: bool = False


@dataclass(frozen=True)
class Publication:
    """What a publication publishes; `partial` are tables of which it leaves out rows or columns."""

    by_root: bool
    all_operations: bool
    generated: bool
    tables: frozenset[str]
    partial: frozenset[str]

    @property
    def complete(self) -> bool:
        """Whether its options are those that pg2es makes one with."""
        return self.by_root and self.all_operations and self.generated


def read_publication(session: Session, name: str) -> Publication | None:
    """Return a publication; None when there is none."""
    with translate_errors(f"Publication {name}"):
        row = session.execute(catalog.PUBLICATION, [name]).fetchone()
    if row is None:
        return None
    by_root, all_operations, generated, tables, partial = row
    return Publication(by_root, all_operations, generated, frozenset(tables), frozenset(partial))


def unpublished(found: Publication | None, tables: Iterable[str]) -> list[str]:
    """Return the tables that a publication lacks; all, when there is none."""
    return [name for name in tables if found is None or name not in found.tables]


def check_publishable(session: Session, name: str, found: Publication | None, tables: Iterable[str]) -> None:
    """Raise CatalogError when the application could not write to a table once it is published, or a part is left out.

    `found` is the publication `name` as it is. A table that is published already harms nobody any more.
    """
    missing = unpublished(found, tables)
    problems = [str(problem) for table in missing for problem in find_write_problems(session, table)]
    problems += [describe_partial(name, table) for table in tables if found and table in found.partial]
    if problems:
        raise CatalogError(" ".join(problems))


def ensure_publication(
    session: Session, name: str, found: Publication | None, tables: list[str], mark: OwnerMark
) -> None:
    """Create the publication, marked as ours, or add the tables that it lacks; one more in it does no harm and stays.

    `found` is the publication as it is; the tables are publishable (`check_publishable`).
    """
    version = session.info.server_version
    missing = unpublished(found, tables)
    with translate_errors(f"Publication {name}"):
        if found is None:
            with session.transaction():
                session.execute(publications.create_publication(name, tables, version))
                session.execute(publications.comment_publication(name, mark.to_comment()))
            return
        if not found.complete:
            session.execute(publications.publish_everything(name, version))
        if missing:
            session.execute(publications.add_tables(name, missing))


def read_installation(clients: Clients) -> str:
    """Return what tells this installation from others that use the same database."""
    return installation_id(kafka.read_cluster_id(clients.kafka), clients.connect.urls)


def read_marks(session: Session, besides: Iterable[str] = ()) -> dict[str, OwnerMark]:
    """Return the marks of the publications in the database that have one, by name, without those `besides`."""
    commented = session.execute(catalog.COMMENTED_PUBLICATIONS, [list(besides)]).fetchall()
    marks = {name: OwnerMark.from_comment(comment) for name, comment in commented}
    return {name: mark for name, mark in marks.items() if mark}


def check_owner(session: Session, source: Source, ours: OwnerMark, *, is_streamed: Callable[[], bool]) -> None:
    """Raise ConnectorError when publication or slot of a source are another installation's: both would lose changes.

    What `is_streamed` from it here is ours, whatever a mark says that was made with other workers.
    """
    with translate_errors(f"Source {source.name}"):
        marks = read_marks(session)
    for name, mark in marks.items():
        shared = name == source.publication or mark.slot == source.slot
        if shared and mark.installation != ours.installation and not is_streamed():
            raise ConnectorError(
                f"Source {source.name}: publication {name} and slot {mark.slot} belong to another installation of "
                f"pg2es. Give the source a `publication` and a `slot` of its own; if that installation is no more, "
                f"take its mark away: {publications.unmark(name)};"
            )


def describe_partial(publication: str, table: str) -> str:
    """Return the sentence about a table of which a publication leaves out rows or columns, with what mends it."""
    mend = " ".join(f"{statement};" for statement in remedies.publish_whole(publication, table))
    return f"Publication {publication} leaves out rows or columns of {table}, whose changes would be missed. {mend}"


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


def drop_slot(session: Session, source: Source) -> bool:
    """Remove the slot, once it is free, and return whether it was there."""

    def is_free() -> bool:
        found = session.execute(catalog.SLOT, [source.slot]).fetchone()
        return found is None or not found[2]

    with translate_errors(f"Source {source.name}"):
        wait_for(
            is_free,
            timeout_s=SLOT_TIMEOUT_S,
            on_timeout=lambda: ConnectorError(f"Slot {source.slot} is still in use by another process; end it first."),
        )
        return session.execute(catalog.DROP_SLOT, [source.slot]).rowcount > 0


def drop_slot_and_publication(session: Session, source: Source) -> list[str]:
    """Remove both, once the slot is free, and return what was removed; a publication of somebody else stays."""
    removed = [f"slot {source.slot}"] if drop_slot(session, source) else []
    if read_publication(session, source.publication) is None:
        return removed
    try:
        drop_publication(session, source.publication)
    except AccessDenied:
        log.warning("Publication %s stays: it is somebody else's.", source.publication)
        return removed
    return [*removed, f"publication {source.publication}"]


def drop_publication(session: Session, name: str) -> None:
    """Remove a publication; it is no error when it is gone."""
    with translate_errors(f"Publication {name}"):
        session.execute(publications.drop_publication(name))
