"""The tables of a pipeline: readable as a whole, with a key, and with old rows that lead to the roots."""

from collections.abc import Iterator

from pg2es.adapters.postgres import Session, fetch_one, read_stored, read_table
from pg2es.core.config import Pipeline, Related
from pg2es.core.errors import CatalogError
from pg2es.core.preflight import Checking, Finding, error
from pg2es.core.sql import DocumentSql, catalog, grants, publications, quote_table, remedies, route_columns
from pg2es.core.sql import preflight as statements
from pg2es.core.table import Generated, Key, ReplicaIdentity, Table, key_of
from pg2es.services.preflight.places import pipeline_file, related_entry, table
from pg2es.services.stream import find_write_problems, unpublishable_when_full
from pg2es.services.tables import PipelineTables

CITEXT = "citext"
"""An extension's type of texts whose case does not count."""


def check(session: Session, pipeline: Pipeline) -> Checking[PipelineTables | None]:
    """Give the findings about the tables; return them when the document SQL can be tried on them."""
    found: dict[str, Table] = {}
    for name in pipeline.tables:
        try:
            found[name] = read_table(session, name)
        except CatalogError as problem:
            yield error(_place(pipeline, name), str(problem))
        else:
            yield from _check_rights(session, pipeline, name)
            yield from (error(table(p.relation), p.sentence, p.mend) for p in find_write_problems(session, name))
    if pipeline.table not in found:
        return None
    root = found[pipeline.table]
    try:
        key = key_of(root, pipeline.key)
    except CatalogError as problem:
        yield error(pipeline_file(pipeline, "key"), str(problem))
        return None
    yield from _check_unique(session, root, key.names)
    yield from _check_events(session, root, key.names, "the root key")
    lead = []
    for related in pipeline.related:
        changed = found.get(related.table)
        lead.append(changed is not None and (yield from _check_way(session, pipeline, key, related, changed)))
    return PipelineTables(pipeline, DocumentSql(pipeline, root, key), found) if all(lead) else None


def _check_way(session: Session, pipeline: Pipeline, key: Key, related: Related, changed: Table) -> Checking[bool]:
    """Give the findings about the columns that lead to the root; return whether they are there."""
    place = related_entry(pipeline, related)
    needed = route_columns(related, changed)
    known = [column.name for column in changed.columns]
    missing = [name for name in needed if name not in known]
    if missing:
        yield error(place, f"There is no column {', '.join(missing)}; there are {', '.join(known)}.")
    elif not needed:
        yield error(
            place,
            f"Table {related.table} has no primary key, so it is not known which columns `roots_sql` reads.",
            "Name them in `columns`.",
        )
    elif related.root_key and len(related.root_key) != len(key.names):
        yield error(
            place,
            f"root_key has {len(related.root_key)} column(s), but the key of {pipeline.table} has {len(key.names)}: "
            f"{', '.join(key.names)}.",
            "Name one column for each, in the same order.",
        )
    else:
        yield from _check_root_key(place, related, changed)
        yield from _check_events(session, changed, needed, "the way to the root")
        return True
    return False


def _check_root_key(place: str, related: Related, changed: Table) -> Iterator[Finding]:
    """A column that takes texts for equal which differ names no single root: keys are compared as they are written."""
    for column in map(changed.column, related.root_key or ()):
        if not column.deterministic or column.base_type.rpartition(".")[2] == CITEXT:
            yield error(
                place,
                f"root_key column {column.name} ({column.type}) takes texts for equal that differ, as in upper and "
                f"lower case; the key of the root does not.",
                "Lead to the root by roots_sql, with the comparison that the document SQL has.",
            )


def _check_rights(session: Session, pipeline: Pipeline, name: str) -> Iterator[Finding]:
    whole, part, _, _, hidden, unlogged = fetch_one(session, statements.RIGHTS, quote_table(name))
    user = session.info.user
    if not (whole if name == pipeline.table else part):
        yield error(table(name), f"Role {user} may not read it.", f"{grants.allow_tables([name], user)};")
    if hidden:
        yield error(
            table(name),
            f"Row-level security hides rows from role {user}: their documents would be missing.",
            f"{remedies.show_all_rows(user)};",
        )
    for relation in unlogged:
        yield error(
            table(relation),
            "It is unlogged or temporary, so its changes are not in the WAL.",
            f"{remedies.write_to_wal(relation)};",
        )


def _check_unique(session: Session, root: Table, key: tuple[str, ...]) -> Iterator[Finding]:
    if set(key) == set(root.primary_key):
        return
    if session.execute(catalog.UNIQUE_INDEX, [quote_table(root.name), list(key)]).fetchone() is None:
        yield error(
            table(root.name),
            f"No unique index covers exactly the key ({', '.join(key)}): two rows could be one document, and reading "
            f"a document would scan the table.",
            f"{remedies.create_index(root.name, key, unique=True)};",
        )


def _check_events(session: Session, found: Table, needed: tuple[str, ...], purpose: str) -> Iterator[Finding]:
    """Events must carry these columns, old values too: a row that leaves a root has to be told to it (rule 9).

    What is in an event is decided by the relation that stores the row, so by each partition.
    """
    published = publications.publishes_generated(session.info.server_version)
    for column in map(found.column, needed):
        if column.generated is Generated.VIRTUAL or (column.generated is Generated.STORED and not published):
            yield error(
                table(found.name),
                f"Column {column.name} is generated and in no event of this PostgreSQL, but {purpose} needs it.",
                "Lead to the root by the columns that it is generated from (roots_sql and columns).",
            )
            return
    for relation in read_stored(session, found):
        if relation.old_row_has(needed):
            continue
        has = ", ".join(relation.identity_columns) or "no column"
        if relation.replica_identity is ReplicaIdentity.NOTHING:
            has = "nothing at all"
        yield error(
            table(relation.name),
            f"Events carry of the old row {has}, but {purpose} needs {', '.join(needed)}: a change of it would be "
            f"missed.",
            _log_old_values(session, relation, needed),
        )


def _log_old_values(session: Session, relation: Table, needed: tuple[str, ...]) -> str:
    """Return statements after which old rows hold these columns and the application can still write."""
    if not unpublishable_when_full(session, relation):
        return f"{remedies.log_old_rows(relation.name)};"
    columns = tuple(dict.fromkeys((*relation.primary_key, *needed)))
    return " ".join(f"{statement};" for statement in remedies.log_by_index(relation.name, columns))


def _place(pipeline: Pipeline, name: str) -> str:
    if name == pipeline.table:
        return pipeline_file(pipeline, "table")
    return next(related_entry(pipeline, related) for related in pipeline.related if related.table == name)
