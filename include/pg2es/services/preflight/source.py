"""The PostgreSQL server and the role: logical decoding, slots, and who may publish what."""

from collections.abc import Iterator

from psycopg import sql

from pg2es.adapters.postgres import Session, fetch_one, read_identity
from pg2es.core.findings import Finding, error, warning
from pg2es.core.source import Source
from pg2es.core.sql import catalog
from pg2es.core.sql import preflight as statements
from pg2es.core.sql.identifiers import quote_table
from pg2es.services.preflight.places import source_file

OLDEST = 150000


def check_server(session: Session, source: Source) -> Iterator[Finding]:
    """Give the findings about the server and the role; PostgresUnavailable for a standby."""
    place = source_file(source)
    if session.info.server_version < OLDEST:
        yield error(place, f"PostgreSQL {session.info.server_version // 10000} is too old; pg2es needs 15 or later.")
        return
    read_identity(session)
    wal_level, slots, may_replicate, slots_in_use = fetch_one(session, catalog.SERVER_SETTINGS)
    user = session.info.user
    if wal_level != "logical":
        yield error(
            place,
            f"wal_level is {wal_level}, so there is no logical decoding.",
            "ALTER SYSTEM SET wal_level = logical; then restart PostgreSQL.",
        )
    if not may_replicate:
        role = sql.Identifier(user).as_string()
        yield error(place, f"Role {user} may not replicate.", f"ALTER ROLE {role} REPLICATION;")
    slot = session.execute(catalog.SLOT, [source.slot]).fetchone()
    if slot is None and slots_in_use >= slots:
        yield error(
            place,
            f"All {slots} replication slots are in use (max_replication_slots).",
            "Drop one that nobody needs, or raise max_replication_slots and restart PostgreSQL.",
        )
    if slot is not None and (slot[0] != "pgoutput" or slot[1] != session.info.dbname):
        yield error(
            f"{place}: slot",
            f"Slot {source.slot} belongs to database {slot[1]} and plugin {slot[0]}.",
            "Choose another name.",
        )


def check_publication(session: Session, source: Source, tables: list[str]) -> Iterator[Finding]:
    """Give the findings about the publication: that it covers the tables, or can be made to."""
    place = f"{source_file(source)}: publication"
    may_create, owns = fetch_one(session, statements.DATABASE_RIGHTS, source.publication)
    found = session.execute(catalog.PUBLICATION, [source.publication]).fetchone()
    via_root, all_operations, published = found or (True, True, [])
    complete = via_root and all_operations
    missing = [name for name in tables if name not in published]
    if found is None and not may_create:
        database = sql.Identifier(session.info.dbname).as_string()
        role = sql.Identifier(session.info.user).as_string()
        yield error(
            place,
            f"Role {session.info.user} may not create publication {source.publication} in {session.info.dbname}.",
            f"GRANT CREATE ON DATABASE {database} TO {role}; or create the publication yourself.",
        )
    if found is not None and not owns and (missing or not complete):
        yield error(
            place,
            f"Publication {source.publication} does not cover the pipelines, and role {session.info.user} does not "
            f"own it: " + ("; ".join([*_lacks(missing), *_wrong_options(complete=complete)])),
            " ".join([*_alter_tables(source, missing), *_alter_options(source, complete=complete)]),
        )
        return
    for name in missing:
        yield from _check_owner(session, source, name)
    if found is not None and missing:
        yield warning(
            place, f"Publication {source.publication} lacks {', '.join(missing)}; deploying adds what is missing."
        )


def _check_owner(session: Session, source: Source, name: str) -> Iterator[Finding]:
    rights = session.execute(statements.RIGHTS, [quote_table(name)]).fetchone()
    if rights is None or rights[2]:
        return
    owner, role = sql.Identifier(rights[3]).as_string(), sql.Identifier(session.info.user).as_string()
    yield error(
        f"{source_file(source)}: publication",
        f"Only its owner, {rights[3]}, may publish table {name}; role {session.info.user} is no member of it.",
        f"GRANT {owner} TO {role}; or publish it as the owner: {' '.join(_alter_tables(source, [name]))}",
    )


def _lacks(missing: list[str]) -> list[str]:
    return [f"it lacks {', '.join(missing)}"] if missing else []


def _wrong_options(*, complete: bool) -> list[str]:
    return [] if complete else ["it must publish all operations, by the partition root"]


def _alter_tables(source: Source, missing: list[str]) -> list[str]:
    if not missing:
        return []
    tables = ", ".join(quote_table(name) for name in missing)
    return [f"ALTER PUBLICATION {sql.Identifier(source.publication).as_string()} ADD TABLE {tables};"]


def _alter_options(source: Source, *, complete: bool) -> list[str]:
    if complete:
        return []
    name = sql.Identifier(source.publication).as_string()
    options = "publish_via_partition_root = true, publish = 'insert, update, delete, truncate'"
    return [f"ALTER PUBLICATION {name} SET ({options});"]
