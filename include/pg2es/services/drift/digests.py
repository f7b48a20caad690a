"""Comparing every root by digests: exact, and much cheaper than byte for byte, as sums are enough where both are equal.

    PostgreSQL     GROUP BY bucket  ──▶  bucket 0: count, Σd0, Σd1  ┐
                                                                    ├─▶ equal, or its documents are listed:
    Elasticsearch  aggregation      ──▶  bucket 0: count, Σd0, Σd1  ┘   an id whose digests differ is a suspect

There are so many buckets that one holds few documents, of a small table one: so with writers at work little is listed.
Suspects are judged behind a barrier, byte for byte.

The stored digest is what its writer took from PostgreSQL. Whoever alters a stored document but leaves its mark as it
is goes unnoticed here: only `comparison` reads the bytes of every document.
"""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pg2es.adapters.elasticsearch import count_unmarked, scan_digests, sum_digests
from pg2es.adapters.postgres import Session
from pg2es.core.config import Pipeline
from pg2es.core.drift import Comparison, Digest, Sums
from pg2es.core.errors import UnreadableRow
from pg2es.core.sql import DocumentSql
from pg2es.services.clients import Clients
from pg2es.services.drift.suspects import Suspects, copy_rows, pair_buckets
from pg2es.services.drift.unreadable import find_unreadable
from pg2es.services.generations import Generation, document_columns
from pg2es.services.stream import pass_barrier
from pg2es.services.tables import read_tables

log = logging.getLogger(__name__)


def compare_digests(clients: Clients, pipeline: Pipeline, generation: Generation) -> Comparison:
    """Return how the generation compares with PostgreSQL, behind a barrier.

    Raises what barrier and document SQL raise.
    """
    since = pass_barrier(clients, pipeline, generation)
    with clients.session_of(pipeline) as session:
        sql = read_tables(session, generation.made_from(pipeline)).sql
        suspects = Suspects(clients, session, sql, generation, since)
        note_differing(suspects)
        return suspects.judge()


def note_differing(suspects: Suspects) -> None:
    """Note how all documents compare by their digests; rows that cannot be read are left out, and noted."""
    index = suspects.generation.index
    differing = list_differing(suspects.clients, suspects.session, suspects.sql, index)
    suspects.note_unreadable(differing.unreadable)
    suspects.result.equal = differing.equal
    for ours, theirs in differing.documents:
        for identifier in ours.keys() | theirs.keys():
            suspects.note(identifier, differs=ours.get(identifier) != theirs.get(identifier))


@dataclass(frozen=True)
class Differing:
    """Documents in buckets that are `equal`, and what both sides have in each other bucket, by id.

    `unreadable` are the rows whose documents PostgreSQL cannot make, with its words: they are missing on its side.
    """

    equal: int
    documents: Iterator[tuple[dict[str, Digest], dict[str, Digest]]]
    unreadable: dict[str, str]


def list_differing(clients: Clients, session: Session, sql: DocumentSql, index: str) -> Differing:
    """Sum both sides, and list the buckets that differ and the documents that have no mark."""
    sql = sql.knowing(name for _, name in document_columns(session, sql))
    unreadable: dict[str, str] = {}
    try:
        expected, stored, unmarked = _sum(clients, session, sql, index)
    except UnreadableRow:
        unreadable = find_unreadable(session, sql)
        sql = sql.without(unreadable)
        expected, stored, unmarked = _sum(clients, session, sql, index)
    differing = sorted(b for b in expected.keys() | stored.keys() if expected.get(b) != stored.get(b))
    equal = sum(sums.documents for bucket, sums in expected.items() if stored.get(bucket) == sums)
    if not differing and not unmarked:
        return Differing(equal, iter(()), unreadable)
    log.info("%d buckets differ, %d documents have no mark: they are listed", len(differing), unmarked)
    theirs = scan_digests(clients.elasticsearch, index, differing)
    return Differing(equal, pair_buckets(_list(session, sql, differing), theirs), unreadable)


def _sum(
    clients: Clients, session: Session, sql: DocumentSql, index: str
) -> tuple[dict[int, Sums], dict[int, Sums], int]:
    """Return the sums of both sides, read at the same time: little changes between the two."""
    with ThreadPoolExecutor(2) as aside:
        stored = aside.submit(sum_digests, clients.elasticsearch, index)
        unmarked = aside.submit(count_unmarked, clients.elasticsearch, index)
        rows = copy_rows(session, sql, sql.sum_digests(), ["int4", "int8", "int8", "int8"])
        expected = {bucket: Sums(*sums) for bucket, *sums in rows}
        return expected, stored.result(), unmarked.result()


def _list(session: Session, sql: DocumentSql, buckets: list[int]) -> Iterator[tuple[int, str, Digest]]:
    for bucket, identifier, d0, d1 in copy_rows(
        session, sql, sql.list_digests(buckets), ["int4", "text", "int4", "int4"]
    ):
        yield bucket, identifier, (d0, d1)
