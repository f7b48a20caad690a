"""Suspects: documents that differ at first sight, and the judgement which of them are drift.

    first reading  ──▶  suspect  ──▶  read again: PostgreSQL ── barrier ── Elasticsearch ── PostgreSQL  ──▶  equal
                           ▲                                                                            ──▶  drift
                           └─────────── the row, or the document, changed meanwhile ────────────────────┘

A change may be on its way while two sides are read that never stand still, so what differs is not yet drift. Drift is
what differs behind a barrier although nobody touched it since the marker before: the row reads the same on both
sides of the barrier, and the document's version is older than that marker. The version tells of a row that changed and
changed back, also where the document is gone. No clock is asked.
"""

import hashlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, TypeVar

from pg2es.adapters.elasticsearch import Versioned, fetch_documents, probe_tombstones
from pg2es.adapters.postgres import Session, fetch_one, translate_sql_errors
from pg2es.core.batches import in_batches
from pg2es.core.drift import SAMPLE, Checksums, Comparison, Drift, classify, find_field_differences
from pg2es.core.redaction import redact_reason
from pg2es.core.sql import DocumentSql, copy_out, protocol
from pg2es.services.clients import Clients
from pg2es.services.drift.unreadable import read_by_keys
from pg2es.services.generations import Generation
from pg2es.services.refresh import parse_ids
from pg2es.services.stream import pass_barrier

log = logging.getLogger(__name__)

JUDGED = 200_000
"""Suspects that are read again; with more of them something is wrong at large, and their number is enough."""

ROUNDS = 5
AT_ONCE = 500

T = TypeVar("T")
Fingerprint = bytes | None


@dataclass
class Suspects:
    """What a comparison of one generation notes, document by document, until it is judged.

    `since` is the LSN of a marker that was written before the first reading. `checksums`: the result has those of both
    sides, over every document of which it is known whether it is equal.
    """

    clients: Clients
    session: Session
    sql: DocumentSql
    generation: Generation
    since: int
    checksums: bool = False
    noted: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        sums = Checksums() if self.checksums else None
        self.result = Comparison(self.sql.pipeline.name, self.generation.index, checksums=sums)

    def note_unreadable(self, rows: dict[str, str]) -> None:
        """Note rows whose documents PostgreSQL cannot make, with its words: nothing can be said of them."""
        redact = self.sql.pipeline.redact
        self.result.unreadable |= {identifier: redact_reason(reason, redact) for identifier, reason in rows.items()}

    def anew(self) -> "Suspects":
        """Return suspects of the same generation with nothing noted, after the last judgement."""
        return Suspects(self.clients, self.session, self.sql, self.generation, self.since, self.checksums)

    def note_documents(self, identifier: str, expected: bytes | None, stored: bytes | None) -> None:
        """Note what both sides say of a document at first sight."""
        self.note(identifier, differs=expected != stored)
        if expected == stored:
            self._sum(identifier, expected, stored)

    def note(self, identifier: str, *, differs: bool) -> None:
        """Note whether a document differs at first sight."""
        if not differs:
            self.result.equal += 1
        elif len(self.noted) < JUDGED:
            self.noted[identifier] = None
        else:
            self.result.unjudged += 1

    def note_altered(self, identifier: str) -> None:
        """Note a document whose bytes are not those of its mark, after its mark was compared."""
        if identifier not in self.noted:
            self.result.equal -= 1
            self.note(identifier, differs=True)

    def judge(self) -> Comparison:
        """Return the comparison. What still changes after ROUNDS readings counts as in flight."""
        suspects = list(self.noted)
        for _ in range(ROUNDS):
            if suspects:
                log.info("%d documents differ; they are read again behind a barrier", len(suspects))
                suspects = self._judge_once(suspects)
        self.noted.clear()
        self.result.in_flight = len(suspects)
        self.result.hot = suspects[:SAMPLE]
        return self.result

    def _judge_once(self, suspects: list[str]) -> list[str]:
        """Record which suspects are equal and which are drift; return the others, which moved."""
        before: dict[str, Fingerprint] = {}
        for ids in in_batches(suspects, AT_ONCE):
            documents = self._read_documents(ids)
            before |= {identifier: _fingerprint(documents.get(identifier)) for identifier in ids}
        marker = pass_barrier(self.clients, self.sql.pipeline, self.generation)
        moving: list[str] = []
        for ids in in_batches(suspects, AT_ONCE):
            moving += self._judge_batch(ids, before)
        self.since = marker
        return moving

    def _judge_batch(self, ids: Sequence[str], before: dict[str, Fingerprint]) -> Iterator[str]:
        """Give those that moved."""
        client, index = self.clients.elasticsearch, self.generation.index
        stored = fetch_documents(client, index, ids)
        expected = self._read_documents(ids)
        differing: dict[str, Drift] = {}
        for identifier in ids:
            if identifier in self.result.unreadable:
                continue
            ours, theirs = expected.get(identifier), _source(stored.get(identifier))
            kind = classify(ours, theirs)
            if kind is None:
                self.result.equal += identifier in stored
                self._sum(identifier, ours, theirs)
            elif before[identifier] == _fingerprint(ours):
                differing[identifier] = kind
            else:
                yield identifier
        missing = [identifier for identifier in differing if identifier not in stored]
        versions = probe_tombstones(client, index, missing) if missing else {}
        versions |= {identifier: stored[identifier].version for identifier in differing if identifier in stored}
        epoch = self.generation.meta.epoch << 56
        with translate_sql_errors(self.sql.pipeline.name):
            last = epoch | int(fetch_one(self.session, protocol.CURRENT_LSN)[0])
        for identifier, kind in differing.items():
            version = versions.get(identifier, 0)
            if epoch | self.since <= version <= last:
                yield identifier
                continue
            self.result.rewound += version > last
            ours, theirs = expected.get(identifier), _source(stored.get(identifier))
            self._record(identifier, kind, theirs, ours)
            self._sum(identifier, ours, theirs)

    def _sum(self, identifier: str, expected: bytes | None, stored: bytes | None) -> None:
        if self.result.checksums:
            self.result.checksums.add(identifier, expected, stored)

    def _record(self, identifier: str, kind: Drift, stored: bytes | None, expected: bytes | None) -> None:
        ids = self.result.ids[kind]
        ids.append(identifier)
        if len(ids) <= SAMPLE:
            redact = self.sql.pipeline.redact
            self.result.fields[identifier] = find_field_differences(stored, expected, redact)

    def _read_documents(self, ids: Sequence[str]) -> dict[str, bytes]:
        """Return what PostgreSQL says now; no entry where it has no document, or cannot make it, which is noted."""
        with translate_sql_errors(self.sql.pipeline.name):
            keys = parse_ids(self.session, self.sql, ids).keys
        documents, unreadable = read_by_keys(self.session, self.sql, list(keys.values()))
        self.note_unreadable(unreadable)
        return documents


def _source(stored: Versioned | None) -> bytes | None:
    return stored.source if stored else None


def _fingerprint(document: bytes | None) -> Fingerprint:
    return None if document is None else hashlib.sha256(document).digest()


def copy_rows(session: Session, sql: DocumentSql, statement: str, types: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Stream the rows of a statement of the document SQL; DocumentSqlError when it fails."""
    with translate_sql_errors(sql.pipeline.name), session.cursor().copy(copy_out(statement)) as copy:
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
