"""The PostgreSQL server and the role: logical decoding, slots, and who may publish what."""

from collections.abc import Iterable, Iterator

from pg2es.adapters.postgres import Session, fetch_one, read_identity
from pg2es.core.config import Source
from pg2es.core.preflight import Finding, error, warning
from pg2es.core.sql import catalog, publications, quote_table, remedies
from pg2es.core.sql import preflight as statements
from pg2es.services.preflight.places import source_file
from pg2es.services.stream import Publication, describe_partial, read_publication, unpublished

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
    name = source.publication
    place = f"{source_file(source)}: publication"
    user = session.info.user
    may_create, owns = fetch_one(session, statements.DATABASE_RIGHTS, name)
    found = read_publication(session, name)
    missing = unpublished(found, tables)
    if found is None:
        if not may_create:
            grant = remedies.allow_publications(session.info.dbname, user)
            yield error(
                place,
                f"Role {user} may not create publication {name} in {session.info.dbname}.",
                f"{grant}; or create the publication yourself.",
            )
    else:
        yield from _check_left_out(source, found, tables)
        lacks = _lacks(found, missing)
        if lacks and not owns:
            yield error(
                place,
                f"Publication {name} does not cover the pipelines, and role {user} does not own it: {'; '.join(lacks)}",
                " ".join([*_alter_tables(source, missing), *_alter_options(session, source, found)]),
            )
            return
    for table in missing:
        yield from _check_owner(session, source, table)
    if found is not None and missing:
        yield warning(place, f"Publication {name} lacks {', '.join(missing)}; deploying adds what is missing.")


def check_stream(session: Session, source: Source, tables: tuple[str, ...]) -> Iterator[Finding]:
    """Give the findings about the publication of a stream that runs, which relies on these tables."""
    found = read_publication(session, source.publication)
    missing = unpublished(found, tables)
    lacks = _lacks(found, missing) if found else [f"it is gone, and with it {', '.join(missing)}"]
    if lacks:
        yield error(
            f"{source_file(source)}: publication",
            f"Publication {source.publication} is no longer as the stream needs it, so changes are missed: "
            f"{'; '.join(lacks)}.",
            "Run the DAG connectors with action deploy, which brings it back, then the backfills.",
        )
    if found:
        yield from _check_left_out(source, found, tables)


def _check_left_out(source: Source, found: Publication, tables: Iterable[str]) -> Iterator[Finding]:
    for table in tables:
        if table in found.partial:
            yield error(f"{source_file(source)}: publication", describe_partial(source.publication, table))


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


def _lacks(publication: Publication, missing: list[str]) -> list[str]:
    tables = [f"it lacks {', '.join(missing)}"] if missing else []
    wrong = "it must publish all operations, by the partition root, from PostgreSQL 18 on with stored generated columns"
    return tables + ([] if publication.complete else [wrong])


def _alter_tables(source: Source, missing: list[str]) -> list[str]:
    return [f"{publications.add_tables(source.publication, missing)};"] if missing else []


def _alter_options(session: Session, source: Source, publication: Publication) -> list[str]:
    change = publications.publish_everything(source.publication, session.info.server_version)
    return [] if publication.complete else [f"{change};"]
