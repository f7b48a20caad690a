"""Every way from a change to a document: it reads only what is captured, and an index serves it."""

from collections.abc import Iterator
from typing import Any

from pg2es.adapters.postgres import (
    Session,
    fetch_one,
    read_relations,
    read_table,
    translate_sql_errors,
)
from pg2es.core.errors import CatalogError
from pg2es.core.preflight import Finding, Node, WholeScan, error, info, relations_of, warning, whole_scans
from pg2es.core.sql import preflight as statements
from pg2es.core.sql import quote_table, remedies, route_columns, route_sql
from pg2es.services.preflight.places import pipeline_file, related_entry
from pg2es.services.tables import PipelineTables

RELEVANT_BLOCKS = 128
"""1 MiB: a scan of less costs about as much as an index would."""

_TEXT_TYPES = ("character varying", "character(", "text")


def check(session: Session, tables: PipelineTables) -> Iterator[Finding]:
    """Give the findings about what the document SQL and each roots SQL read, for one root or one changed row.

    The plans are made without a value, so they tell which indices there are, not which rows.
    """
    pipeline, sql = tables.pipeline, tables.sql
    arguments: list[Any] = [*([None] for _ in sql.key.names), 0, 0, 0]
    plan = _explain(session, tables, sql.by_keys(), arguments, "document SQL")
    yield from _check_plan(session, tables, plan, pipeline_file(pipeline, "document"), "The document SQL")
    for related in pipeline.related:
        changed = tables.related[related.table]
        if statement := route_sql(related, changed, sql.table, sql.key):
            option, what = ("roots_sql", "The roots SQL") if related.roots_sql else ("root_key", "The way to the root")
            arguments = [[None] for _ in route_columns(related, changed)]
            plan = _explain(session, tables, statement, arguments, f"{option} of {related.table}")
            yield from _check_plan(session, tables, plan, f"{related_entry(pipeline, related)}.{option}", what)


def _explain(session: Session, tables: PipelineTables, statement: str, arguments: list[Any], what: str) -> Node:
    with translate_sql_errors(tables.pipeline.name, what), session.transaction():
        session.execute(f"{statements.CAREFUL};\n{statements.PREFER_INDEXES}")
        found: list[Node] = fetch_one(session, statements.explain(statement), *arguments)[0]
    plan: Node = found[0]["Plan"]
    return plan


def _check_plan(session: Session, tables: PipelineTables, plan: Node, place: str, what: str) -> Iterator[Finding]:
    tables_of = _tables_of(session, relations_of(plan))
    captured = set(tables.pipeline.tables)
    for name in sorted(relation for relation, over in tables_of.items() if not over & captured):
        yield error(
            place,
            f"{what} reads {name}, which is neither the root nor a related table: its changes would be missed.",
            f"Add {name} to `related` of {pipeline_file(tables.pipeline)}.",
        )
    yield from _check_scans(session, tables, whole_scans(plan), tables_of, place, what)


def _check_scans(
    session: Session,
    tables: PipelineTables,
    scans: list[WholeScan],
    tables_of: dict[str, set[str]],
    place: str,
    what: str,
) -> Iterator[Finding]:
    seen: set[tuple[str, tuple[str, ...]]] = set()
    for scan in scans:
        over = tables_of[scan.relation]
        name = next((table for table in tables.pipeline.tables if table in over), scan.relation)
        columns = _index_columns(session, scan, name)
        leading = {column for (column,) in session.execute(statements.LEADING_COLUMNS, [quote_table(name)])}
        if (name, columns) in seen or (scan.by_index and leading & set(columns)):
            continue
        seen.add((name, columns))
        yield _judge_scan(session, name, () if leading & set(columns) else columns, place, what)


def _judge_scan(session: Session, name: str, columns: tuple[str, ...], place: str, what: str) -> Finding:
    """Return the finding for a table that is read as a whole; an index on `columns` mends it."""
    blocks = sum(relation.blocks for relation in read_relations(session, name))
    sentence = (
        f"{what} reads table {name} ({blocks * 8:,} KiB) from end to end for one changed row: no index serves it."
    )
    mend = "Compare a plain column with the key, and index it; EXPLAIN the statement to see the condition."
    if columns:
        mend = f"{remedies.create_index(name, columns)};"
    if blocks >= RELEVANT_BLOCKS:
        return warning(place, sentence, mend)
    return info(place, f"{sentence} It is small; that is no harm as long as it stays so.", mend if columns else "")


def _index_columns(session: Session, scan: WholeScan, name: str) -> tuple[str, ...]:
    """Columns that an index would need: those compared plainly, and texts, whose comparison is written with a cast."""
    try:
        types = {column.name: column.type for column in read_table(session, name).columns}
    except CatalogError:  # a view or a foreign table
        return ()
    texts = tuple(column for column in scan.cast_columns if types.get(column, "").startswith(_TEXT_TYPES))
    return tuple(column for column in dict.fromkeys((*scan.columns, *texts)) if column in types)


def _tables_of(session: Session, relations: set[str]) -> dict[str, set[str]]:
    """Return each relation with itself and the tables that it is a partition of."""
    quoted = {quote_table(name): name for name in relations}
    rows = session.execute(statements.ANCESTORS, [list(quoted)])
    return {quoted[name]: set(over) for name, over in rows}
