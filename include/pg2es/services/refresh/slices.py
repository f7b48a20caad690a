"""Slices: documents that were read at one version, divided into bodies of bulk requests."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import orjson

from pg2es.adapters.elasticsearch import Rejection
from pg2es.core.config import Pipeline
from pg2es.core.errors import UnreadableRow
from pg2es.core.refresh import MAX_ID_BYTES, IdProblem, Key, find_id_problem

BULK_BYTES = 1024 * 1024

_EMPTY_ID = (b'{"index":{"_id":"",', b'{"delete":{"_id":"",')


@dataclass(frozen=True)
class Body:
    """Lines of one bulk request."""

    lines: bytes
    items: int


@dataclass
class Slice:
    """Documents read at one version: ready to send until the deadline. What is `left` did not fit."""

    deadline: float = 0.0
    bodies: list[Body] = field(default_factory=list)
    refused: list[Rejection] = field(default_factory=list)
    deleted: list[Key] = field(default_factory=list)
    left: list[Key] = field(default_factory=list)
    rows: int = 0
    bytes: int = 0
    seconds: float = 0.0

    def count(self, other: "Slice") -> None:
        """Add what another slice read, but not its documents."""
        self.rows += other.rows
        self.bytes += other.bytes
        self.seconds += other.seconds


def fill(found: Slice, rows: Iterator[bytes], pipeline: Pipeline) -> None:
    """Divide the rows, each one item's lines, into bodies; UnreadableRow when two of them are one document.

    Of a document that is too large its size is the last line.
    """
    lines: list[bytes] = []
    seen: set[bytes] = set()
    size = 0
    for row in rows:
        found.rows += 1
        end = row.index(b"\n")
        seen.add(row[:end])
        if len(seen) < found.rows:
            raise UnreadableRow(pipeline.name, "document SQL", "it returned two rows for one root")
        # An id that is too long makes a long first line, an empty one shows; the others need no closer look.
        if not row.endswith(b"}\n") or end > MAX_ID_BYTES or row.startswith(_EMPTY_ID):
            operation, identifier = _action_of(row)
            problem = find_id_problem(identifier)
            if problem and operation == "delete":
                continue  # done: Elasticsearch holds no document of that id
            if refusal := _find_refusal(row, identifier, pipeline.max_document_bytes, problem):
                found.refused.append(refusal)
                continue
        lines.append(row)
        size += len(row)
        if size >= BULK_BYTES:
            found.bodies.append(Body(b"".join(lines), len(lines)))
            found.bytes += size
            lines, size = [], 0
    if lines:
        found.bodies.append(Body(b"".join(lines), len(lines)))
        found.bytes += size


def _action_of(row: bytes) -> tuple[str, str]:
    """Return operation and document id."""
    ((operation, action),) = orjson.loads(row[: row.index(b"\n")]).items()
    return operation, action["_id"]


def _find_refusal(row: bytes, identifier: str, limit: int, problem: IdProblem | None) -> Rejection | None:
    """Return why a document cannot be sent, None when it can."""
    if problem:
        return Rejection(identifier, *problem)
    if not row.endswith(b"}\n"):
        size = int(row[row.index(b"\n") :])
        return Rejection(
            identifier, "document_too_large", f"{size:,} bytes, the limit is max_document_bytes = {limit:,}"
        )
    return None
