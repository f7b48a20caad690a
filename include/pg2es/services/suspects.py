"""Suspects: documents that differ at first sight, and the judgement which of them are drift.

    first reading  ──▶  suspect  ──▶  read again: PostgreSQL ── barrier ── Elasticsearch ── PostgreSQL  ──▶  equal
                           ▲                                                                            ──▶  drift
                           └────────────────────── the row changed meanwhile ───────────────────────────┘

A change may be on its way while two sides are read that never stand still, so what differs is not yet drift.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, TypeVar

import psycopg

from pg2es.adapters.documents import fetch_documents
from pg2es.adapters.postgres import Session, describe_sql_error, translate_errors
from pg2es.core.drift import Comparison, Drift, classify, key_of_id
from pg2es.core.errors import DocumentSqlError
from pg2es.core.sql.documents import DocumentSql
from pg2es.services.barrier import pass_barrier
from pg2es.services.clients import Clients
from pg2es.services.generations import Generation

log = logging.getLogger(__name__)

SAMPLE = 100
JUDGED = 20_000
"""Suspects that are read again; with more of them something is wrong at large, and counts are enough."""

ROUNDS = 5
AT_ONCE = 500

T = TypeVar("T")


@dataclass
class Suspects:
    """What a comparison of one generation notes, document by document, until it is judged."""

    clients: Clients
    session: Session
    sql: DocumentSql
    generation: Generation
    noted: dict[str, Drift] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.result = Comparison(self.sql.pipeline.name, self.generation.index)

    def note(self, identifier: str, kind: Drift | None) -> None:
        """Note how a document differs at first sight, None: not at all."""
        if kind is None:
            self.result.equal += 1
        elif len(self.noted) <= JUDGED:
            self.noted[identifier] = kind
        else:
            self._count(identifier, kind)

    def judge(self) -> Comparison:
        """Return the comparison: drift is what still differs behind a barrier while its row did not change.

        What still changes after ROUNDS readings counts as in flight.
        """
        drifted: dict[str, Drift] = {}
        suspects = self.noted
        if len(suspects) > JUDGED:
            drifted, suspects = suspects, {}
        for _ in range(ROUNDS):
            if suspects:
                log.info("%d documents differ; they are read again behind a barrier", len(suspects))
                suspects = self._judge_once(suspects, drifted)
        self.result.in_flight = len(suspects)
        for identifier, kind in drifted.items():
            self._count(identifier, kind)
        return self.result

    def _judge_once(self, suspects: dict[str, Drift], drifted: dict[str, Drift]) -> dict[str, Drift]:
        """Add to `drifted` and return the suspects whose rows changed while they were read."""
        before = self._read_now(list(suspects))
        pass_barrier(self.clients, self.sql.pipeline, self.generation)
        stored = self._fetch_now(list(suspects))
        after = self._read_now(list(suspects))
        moving: dict[str, Drift] = {}
        for identifier, kind in suspects.items():
            found = classify(after.get(identifier), stored.get(identifier))
            if found is None:
                self.result.equal += identifier in stored
            elif before.get(identifier) == after.get(identifier):
                drifted[identifier] = found
            else:
                moving[identifier] = kind
        return moving

    def _read_now(self, ids: list[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for start in range(0, len(ids), AT_ONCE):
            keys = [key_of_id(self.sql.key, identifier) for identifier in ids[start : start + AT_ONCE]]
            columns = [list(column) for column in zip(*keys, strict=True)]
            with _sql_errors(self.sql):
                rows = self.session.execute(self.sql.by_keys(), [*columns, 0]).fetchall()
            found.update({identifier: source.encode() for identifier, _, source in rows if source is not None})
        return found

    def _fetch_now(self, ids: list[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for start in range(0, len(ids), AT_ONCE):
            found |= fetch_documents(self.clients.elasticsearch, self.generation.index, ids[start : start + AT_ONCE])
        return found

    def _count(self, identifier: str, kind: Drift) -> None:
        self.result.counts[kind] += 1
        if len(self.result.samples[kind]) < SAMPLE:
            self.result.samples[kind].append(identifier)


def copy_rows(session: Session, sql: DocumentSql, statement: str, types: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Stream the rows of a statement of the document SQL; DocumentSqlError when it fails."""
    with _sql_errors(sql), session.cursor().copy(f"COPY (\n{statement}\n) TO STDOUT (FORMAT binary)") as copy:
        copy.set_types(types)
        yield from copy.rows()


def pair_buckets(
    ours: Iterable[tuple[int, str, T]], theirs: Iterable[tuple[int | None, str, T]]
) -> Iterator[tuple[dict[str, T], dict[str, T]]]:
    """Give what both sides, `(bucket, id, value)` ordered by bucket, have in each bucket, by id.

    Documents whose mark is gone (no bucket) come in a last one of their own.
    """
    left = groupby(ours, key=lambda row: row[0])
    right = groupby(theirs, key=lambda row: row[0])
    expected = next(left, None)
    stored = next(right, None)
    while expected or stored:
        number = min(_order(group) for group in (expected, stored))
        pair: tuple[dict[str, T], dict[str, T]] = {}, {}
        if expected and _order(expected) == number:
            pair[0].update({identifier: value for _, identifier, value in expected[1]})
            expected = next(left, None)
        if stored and _order(stored) == number:
            pair[1].update({identifier: value for _, identifier, value in stored[1]})
            stored = next(right, None)
        yield pair


def _order(group: tuple[int | None, object] | None) -> float:
    """Where a bucket stands: no bucket after all others, an ended side last."""
    if group is None:
        return float("inf")
    return 2.0**40 if group[0] is None else group[0]


@contextmanager
def _sql_errors(sql: DocumentSql) -> Iterator[None]:
    name = sql.pipeline.name
    try:
        with translate_errors(f"Pipeline {name}"):
            yield
    except psycopg.Error as error:
        raise DocumentSqlError(name, "document SQL", describe_sql_error(error)) from error
