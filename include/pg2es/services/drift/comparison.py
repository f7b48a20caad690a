"""Comparing every root, byte for byte: what PostgreSQL says now with what Elasticsearch stores.

    PostgreSQL     ORDER BY bucket   ──▶  bucket 0: {id: bytes}   ┐
                                                                  ├─▶ per bucket: equal, or a suspect
    Elasticsearch  sorted by bucket  ──▶  bucket 0: {id: bytes}   ┘

Both sides stream, and a bucket holds a 65,536th of the roots, so memory stays small. What differs
is a suspect, to be judged behind a barrier.
"""

from collections.abc import Iterator

from pg2es.adapters.elasticsearch import scan_by_bucket
from pg2es.adapters.postgres import Session
from pg2es.core.config import Pipeline
from pg2es.core.drift import Comparison
from pg2es.core.errors import UnreadableRow
from pg2es.core.sql import DocumentSql
from pg2es.services.clients import Clients
from pg2es.services.drift.suspects import Suspects, copy_rows, pair_buckets
from pg2es.services.drift.unreadable import find_unreadable
from pg2es.services.generations import Generation
from pg2es.services.stream import pass_barrier
from pg2es.services.tables import read_tables

AT_ONCE = 500

Documents = dict[str, bytes]


def compare(clients: Clients, pipeline: Pipeline, generation: Generation, *, checksums: bool = False) -> Comparison:
    """Return how the generation compares with PostgreSQL, behind a barrier, with checksums of both sides if wanted.

    Raises what barrier and document SQL raise.
    """
    since = pass_barrier(clients, pipeline, generation)
    with clients.session_of(pipeline) as session:
        sql = read_tables(session, generation.made_from(pipeline)).sql
        suspects = Suspects(clients, session, sql, generation, since, checksums=checksums)
        try:
            _note_all(suspects, sql)
        except UnreadableRow:
            unreadable = find_unreadable(session, sql)
            suspects = suspects.anew()
            suspects.note_unreadable(unreadable)
            _note_all(suspects, sql.without(unreadable))
        return suspects.judge()


def _note_all(suspects: Suspects, sql: DocumentSql) -> None:
    for expected, stored in _buckets(suspects.clients, suspects.session, sql, suspects.generation.index):
        for identifier in expected.keys() | stored.keys():
            suspects.note_documents(identifier, expected.get(identifier), stored.get(identifier))


def _buckets(clients: Clients, session: Session, sql: DocumentSql, index: str) -> Iterator[tuple[Documents, Documents]]:
    # The binary form of a text is its bytes.
    expected = copy_rows(session, sql, sql.compare(), ["int4", "text", "bytea"])
    return pair_buckets(expected, scan_by_bucket(clients.elasticsearch, index))
