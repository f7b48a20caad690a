"""Rows whose documents PostgreSQL cannot make, found by halves of the blocks, then of the keys in a block."""

from collections.abc import Iterator, Sequence

from pg2es.adapters.postgres import Session, read_relations, translate_sql_errors
from pg2es.core.backfill import BlockRange
from pg2es.core.batches import by_halves
from pg2es.core.errors import UnreadableRow
from pg2es.core.refresh import Key
from pg2es.core.sql import DocumentSql
from pg2es.services.refresh import id_of

MOST = 1_000
"""With more of them the document SQL is wrong, not the rows."""

NO_LIMIT = 2**62
_FAILURE = (UnreadableRow,)


def find_unreadable(session: Session, sql: DocumentSql) -> dict[str, str]:
    """Return the ids of all such rows, with PostgreSQL's words about each.

    Raises UnreadableRow when they are more than MOST, DocumentSqlError when the statement does not run at all.
    """
    found: dict[str, str] = {}
    for relation in read_relations(session, sql.table.name):
        for blocks in _failing_blocks(session, sql, BlockRange(relation.name, 0, relation.blocks)):
            with translate_sql_errors(sql.pipeline.name):
                keys = session.execute(sql.keys_of_blocks(blocks)).fetchall()
            found |= read_by_keys(session, sql, keys)[1]
            if len(found) > MOST:
                reason = next(iter(found.values()))
                raise UnreadableRow(sql.pipeline.name, "document SQL", f"{reason} (more than {MOST:,} rows)")
    return found


def read_by_keys(session: Session, sql: DocumentSql, keys: Sequence[Key]) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return the documents of roots by id, and PostgreSQL's words about those that it cannot make."""

    def read(part: Sequence[Key]) -> dict[str, bytes]:
        columns = [list(column) for column in zip(*part, strict=True)]
        with translate_sql_errors(sql.pipeline.name):
            rows = session.execute(sql.by_keys(), [*columns, 0, NO_LIMIT, NO_LIMIT]).fetchall()
        return {identifier: source.encode() for identifier, _, source, _, _ in rows if source is not None}

    documents: dict[str, bytes] = {}
    unreadable: dict[str, str] = {}
    for part, result in by_halves(keys, read, _FAILURE):
        if isinstance(result, UnreadableRow):
            unreadable[id_of(part[0])] = result.problem
        else:
            documents |= result
    return documents, unreadable


def _failing_blocks(session: Session, sql: DocumentSql, blocks: BlockRange) -> Iterator[BlockRange]:
    """Give the single blocks in which a document cannot be made."""
    first, end = blocks.first, blocks.end or blocks.first + 1
    try:
        with translate_sql_errors(sql.pipeline.name):
            session.execute(sql.try_blocks(blocks))
    except UnreadableRow:
        if end - first == 1:
            yield blocks
            return
        middle = (first + end) // 2
        yield from _failing_blocks(session, sql, BlockRange(blocks.relation, first, middle))
        yield from _failing_blocks(session, sql, BlockRange(blocks.relation, middle, end))
