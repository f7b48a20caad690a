"""Publication and replication slot of a source: where its stream begins in PostgreSQL."""

import logging

from psycopg import sql

from pg2es.adapters.postgres import Session, translate_errors
from pg2es.core.errors import ConnectorError
from pg2es.core.source import Source
from pg2es.core.sql import catalog
from pg2es.services.fence import describe_holders
from pg2es.services.waiting import wait_for

log = logging.getLogger(__name__)

SLOT_TIMEOUT_S = 120
_START_OVER = "Remove the connectors (DAG connectors, action remove) and run the backfills."


def ensure_publication(session: Session, source: Source, tables: list[str]) -> None:
    """Create the publication or add the tables that it lacks; one more table in it does no harm and stays."""
    publication = sql.Identifier(source.publication)
    wanted = sql.SQL(", ").join(sql.Identifier(*name.split(".", 1)) for name in tables)
    with translate_errors(f"Publication {source.publication}"):
        found = session.execute(catalog.PUBLICATION, [source.publication]).fetchone()
        if found is None:
            statement = sql.SQL("CREATE PUBLICATION {} FOR TABLE {} WITH (publish_via_partition_root = true)")
            session.execute(statement.format(publication, wanted).as_string())
            return
        via_root, all_operations, published = found
        if not via_root or not all_operations:
            statement = sql.SQL(
                "ALTER PUBLICATION {} SET (publish_via_partition_root = true,"
                " publish = 'insert, update, delete, truncate')"
            )
            session.execute(statement.format(publication).as_string())
        missing = [name for name in tables if name not in published]
        if missing:
            added = sql.SQL(", ").join(sql.Identifier(*name.split(".", 1)) for name in missing)
            session.execute(sql.SQL("ALTER PUBLICATION {} ADD TABLE {}").format(publication, added).as_string())


def ensure_slot(session: Session, source: Source, *, connector_exists: bool) -> None:
    """Create the slot when there is none.

    Raises ConnectorError when the slot is somebody else's, has lost its WAL, or is gone while its connector exists: a
    new one would skip silently over the changes in between.
    """
    with translate_errors(f"Slot {source.slot}"):
        found = session.execute(catalog.SLOT, [source.slot]).fetchone()
        if found is None:
            if connector_exists:
                raise ConnectorError(
                    f"Slot {source.slot} is gone while connector {source.connector} exists: changes since then are "
                    f"lost to the stream. {_START_OVER}"
                )
            log.info(
                "Creating slot %s, once the transactions that write now have ended: %s",
                source.slot,
                describe_holders(session),
            )
            session.execute(catalog.create_slot(session.info.server_version), [source.slot])
            return
        plugin, database, _, wal_status, invalidation = found
        if plugin != "pgoutput" or database != session.info.dbname:
            raise ConnectorError(
                f"Slot {source.slot} belongs to database {database} and plugin {plugin}; choose another `slot`."
            )
        if wal_status == "lost" or invalidation:
            raise ConnectorError(
                f"Slot {source.slot} has lost the WAL it needs ({invalidation or wal_status}): changes are lost to the "
                f"stream. {_START_OVER}"
            )


def drop_slot_and_publication(session: Session, source: Source) -> None:
    """Remove both, once the slot is free; it is no error when they are gone."""

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
        session.execute(sql.SQL("DROP PUBLICATION IF EXISTS {}").format(sql.Identifier(source.publication)).as_string())
