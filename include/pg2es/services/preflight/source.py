"""The PostgreSQL server and the role: logical decoding, slots, and who may publish what."""

from collections.abc import Iterator

from pg2es.adapters.postgres import Session, fetch_one, read_identity
from pg2es.core.config import Source
from pg2es.core.preflight import Finding, error, warning
from pg2es.core.sql import catalog, publications, quote_table, remedies
from pg2es.core.sql import preflight as statements
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
            f"{remedies.LOGICAL_WAL}; then restart PostgreSQL.",
        )
    if not may_replicate:
        yield error(place, f"Role {user} may not replicate.", f"{remedies.allow_replication(user)};")
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
        grant = remedies.allow_publications(session.info.dbname, session.info.user)
        yield error(
            place,
            f"Role {session.info.user} may not create publication {source.publication} in {session.info.dbname}.",
            f"{grant}; or create the publication yourself.",
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
    grant = remedies.make_member(rights[3], session.info.user)
    yield error(
        f"{source_file(source)}: publication",
        f"Only its owner, {rights[3]}, may publish table {name}; role {session.info.user} is no member of it.",
        f"{grant}; or publish it as the owner: {' '.join(_alter_tables(source, [name]))}",
    )


def _lacks(missing: list[str]) -> list[str]:
    return [f"it lacks {', '.join(missing)}"] if missing else []


def _wrong_options(*, complete: bool) -> list[str]:
    return [] if complete else ["it must publish all operations, by the partition root"]


def _alter_tables(source: Source, missing: list[str]) -> list[str]:
    return [f"{publications.add_tables(source.publication, missing)};"] if missing else []


def _alter_options(source: Source, *, complete: bool) -> list[str]:
    return [] if complete else [f"{publications.publish_everything(source.publication)};"]
