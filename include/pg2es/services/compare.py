"""Comparing every root, byte for byte: what PostgreSQL says now with what Elasticsearch stores.

    PostgreSQL     ORDER BY bucket   ──▶  bucket 0: {id: bytes}   ┐
                                                                  ├─▶ per bucket: equal, or a suspect
    Elasticsearch  sorted by bucket  ──▶  bucket 0: {id: bytes}   ┘

Both sides stream, and a bucket holds a 65,536th of the roots, so memory stays small. A suspect is not yet drift: a
change may be on its way. Suspects are read again on both sides behind a barrier.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby

import psycopg

from pg2es.adapters.documents import fetch_documents, scan_by_bucket
from pg2es.adapters.postgres import Session, describe_sql_error, translate_errors
from pg2es.core.drift import Comparison, Drift, classify, key_of_id
from pg2es.core.errors import DocumentSqlError, DocumentsRejected
from pg2es.core.pipeline import Pipeline
from pg2es.core.sql.documents import DocumentSql
from pg2es.services.barrier import pass_barrier
from pg2es.services.clients import Clients, read_tables
from pg2es.services.generations import Generation
from pg2es.services.refresh import Refresher, Target

log = logging.getLogger(__name__)

SAMPLE = 100
JUDGED = 20_000
"""Suspects that are read again; with more of them something is wrong at large, and counts are enough."""

ROUNDS = 5
AT_ONCE = 500

Documents = dict[str, bytes]


def compare(clients: Clients, pipeline: Pipeline, generation: Generation) -> Comparison:
    """Return how the generation compares with PostgreSQL, behind a barrier.

    What still changes after ROUNDS readings counts as in flight. Raises what barrier and document SQL raise.
    """
    pass_barrier(clients, pipeline, generation)
    result = Comparison(pipeline.name, generation.index)
    suspects: dict[str, Drift] = {}
    with clients.session(clients.project.source_of(pipeline)) as session:
        sql = read_tables(session, pipeline).sql
        for expected, stored in _buckets(clients, session, sql, generation.index):
            for identifier in expected.keys() | stored.keys():
                kind = classify(expected.get(identifier), stored.get(identifier))
                if kind is None:
                    result.equal += 1
                elif len(suspects) <= JUDGED:
                    suspects[identifier] = kind
                else:
                    _count(result, identifier, kind)
        if len(suspects) <= JUDGED:
            suspects = _judge(clients, session, pipeline, generation, sql, suspects, result)
    for identifier, kind in suspects.items():
        _count(result, identifier, kind)
    return result


def sweep(clients: Clients, pipeline: Pipeline, generation: Generation) -> int:
    """Refresh every document that PostgreSQL seems to lack, and return how many there were.

    The refresh decides: what PostgreSQL lacks is deleted, what came meanwhile is written.
    """
    swept = 0
    with (
        clients.session(clients.project.source_of(pipeline)) as reading,
        clients.session(clients.project.source_of(pipeline)) as refreshing,
    ):
        sql = read_tables(reading, pipeline).sql
        target = Target(generation.index, generation.meta, sql)
        refresher = Refresher(refreshing, clients.elasticsearch, target)
        extra: list[tuple[str, ...]] = []
        for expected, stored in _buckets(clients, reading, sql, generation.index):
            extra.extend(key_of_id(sql.key, identifier) for identifier in stored.keys() - expected.keys())
            if len(extra) >= AT_ONCE:
                swept += _refresh(refresher, extra)
                extra = []
        return swept + _refresh(refresher, extra)


def _refresh(refresher: Refresher, keys: Sequence[tuple[str, ...]]) -> int:
    outcome = refresher.refresh_keys(keys)
    if outcome.rejected:
        raise DocumentsRejected(f"Elasticsearch refuses {outcome.rejected[0]}")
    return len(keys)


def _judge(
    clients: Clients,
    session: Session,
    pipeline: Pipeline,
    generation: Generation,
    sql: DocumentSql,
    suspects: dict[str, Drift],
    result: Comparison,
) -> dict[str, Drift]:
    """Return the suspects that are drift: behind a barrier they still differ, and their rows did not change."""
    drifted: dict[str, Drift] = {}
    for _ in range(ROUNDS):
        if not suspects:
            return drifted
        log.info("%d documents differ; they are read again behind a barrier", len(suspects))
        before = _read_now(session, sql, list(suspects))
        pass_barrier(clients, pipeline, generation)
        stored = _fetch_now(clients, generation, list(suspects))
        after = _read_now(session, sql, list(suspects))
        moving: dict[str, Drift] = {}
        for identifier, kind in suspects.items():
            found = classify(after.get(identifier), stored.get(identifier))
            if found is None:
                result.equal += identifier in stored
            elif before.get(identifier) == after.get(identifier):
                drifted[identifier] = found
            else:
                moving[identifier] = kind
        suspects = moving
    result.in_flight = len(suspects)
    return drifted


def _buckets(clients: Clients, session: Session, sql: DocumentSql, index: str) -> Iterator[tuple[Documents, Documents]]:
    """Give what both sides have in each bucket. Documents whose mark is gone come in a last one of their own."""
    left = groupby(_read_all(session, sql), key=lambda row: row[0])
    right = groupby(scan_by_bucket(clients.elasticsearch, index), key=lambda document: document.bucket)
    expected = next(left, None)
    stored = next(right, None)
    while expected or stored:
        number = min(_order(group) for group in (expected, stored))
        ours: Documents = {}
        theirs: Documents = {}
        if expected and _order(expected) == number:
            ours = {identifier: source for _, identifier, source in expected[1]}
            expected = next(left, None)
        if stored and _order(stored) == number:
            theirs = {document.id: document.source for document in stored[1]}
            stored = next(right, None)
        yield ours, theirs


def _order(group: tuple[int | None, object] | None) -> float:
    """Where a bucket stands: no bucket after all others, an ended side last."""
    if group is None:
        return float("inf")
    return 2.0**40 if group[0] is None else group[0]


def _read_all(session: Session, sql: DocumentSql) -> Iterator[tuple[int, str, bytes]]:
    """Stream `(bucket, id, source)` of every document, ordered by bucket."""
    with _sql_errors(sql), session.cursor().copy(f"COPY (\n{sql.compare()}\n) TO STDOUT (FORMAT binary)") as copy:
        copy.set_types(["int4", "text", "bytea"])  # the binary form of a text is its bytes
        yield from copy.rows()


def _read_now(session: Session, sql: DocumentSql, ids: list[str]) -> Documents:
    found: Documents = {}
    for start in range(0, len(ids), AT_ONCE):
        keys = [key_of_id(sql.key, identifier) for identifier in ids[start : start + AT_ONCE]]
        columns = [list(column) for column in zip(*keys, strict=True)]
        with _sql_errors(sql):
            rows = session.execute(sql.by_keys(), [*columns, 0]).fetchall()
        found.update({identifier: source.encode() for identifier, _, source in rows if source is not None})
    return found


def _fetch_now(clients: Clients, generation: Generation, ids: list[str]) -> Documents:
    found: Documents = {}
    for start in range(0, len(ids), AT_ONCE):
        found |= fetch_documents(clients.elasticsearch, generation.index, ids[start : start + AT_ONCE])
    return found


@contextmanager
def _sql_errors(sql: DocumentSql) -> Iterator[None]:
    name = sql.pipeline.name
    try:
        with translate_errors(f"Pipeline {name}"):
            yield
    except psycopg.Error as error:
        raise DocumentSqlError(name, "document SQL", describe_sql_error(error)) from error


def _count(result: Comparison, identifier: str, kind: Drift) -> None:
    result.counts[kind] += 1
    if len(result.samples[kind]) < SAMPLE:
        result.samples[kind].append(identifier)
