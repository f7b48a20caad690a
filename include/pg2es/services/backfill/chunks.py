"""The chunks of a backfill: parts of the root table, each copied by a task of its own.

A chunk may be killed and copied again, and what it wrote stays right: the stream goes on beside it, and whoever read
later wins, by version.
"""

import logging
import time
from dataclasses import asdict, dataclass, replace
from typing import Any

from pg2es.adapters.postgres import Session, fetch_one, read_filenode, read_relations
from pg2es.core.backfill import BlockRange, Chunk, Relation, plan_chunks
from pg2es.core.config import Pipeline
from pg2es.core.errors import PermanentError, PlanOutdated, StreamBehind, TableRewritten
from pg2es.core.sql import protocol
from pg2es.services.backfill.slicer import Slicer
from pg2es.services.backfill.throttle import Throttle
from pg2es.services.clients import Clients
from pg2es.services.generations import Generation, check_unchanged, read_generation
from pg2es.services.refresh import Refresher, Target
from pg2es.services.tables import read_tables

log = logging.getLogger(__name__)

SAMPLE = 20
"""Rejected documents that a result names one by one."""

PATIENCE_S = 24 * 3600
"""How long a chunk waits for a stream that is behind."""


@dataclass(frozen=True)
class ChunkResult:
    """What the copy of one chunk did; small JSON between tasks."""

    rows: int
    bytes: int
    written: int
    conflicts: int
    rejected: int
    samples: tuple[str, ...]
    started_at: float  # seconds since the epoch: chunks run in processes of their own, maybe on several machines
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return the result as what Airflow hands from task to task."""
        return {**asdict(self), "samples": list(self.samples)}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "ChunkResult":
        """Return the result that `to_json` wrote."""
        return cls(**content | {"samples": tuple(content["samples"])})

    def then(self, rest: "ChunkResult") -> "ChunkResult":
        """Return the result of both, of which the rest was copied later."""
        return ChunkResult(
            rows=self.rows + rest.rows,
            bytes=self.bytes + rest.bytes,
            written=self.written + rest.written,
            conflicts=self.conflicts + rest.conflicts,
            rejected=self.rejected + rest.rejected,
            samples=(*self.samples, *rest.samples)[:SAMPLE],
            started_at=self.started_at,
            seconds=round(rest.started_at + rest.seconds - self.started_at, 3),
        )


class HeldUp(StreamBehind):
    """A chunk waited too long for the stream. What is `done` stays; what is `left` may be copied later."""

    def __init__(self, reason: StreamBehind, done: ChunkResult, left: Chunk) -> None:
        super().__init__(str(reason))
        self.done = done
        self.left = left


def plan(clients: Clients, pipeline: Pipeline, count: int | None) -> list[Chunk]:
    """Return the chunks of the root table as it is now."""
    with clients.session_of(pipeline) as session:
        return plan_chunks(read_relations(session, pipeline.table), count)


def copy_chunk(
    clients: Clients, pipeline: Pipeline, index: str, chunk: Chunk, lane: int, patience_s: float = PATIENCE_S
) -> ChunkResult:
    """Copy one chunk into a generation. At any time at most one chunk of each `lane` of a pipeline is copied.

    Raises HeldUp when it waited for the stream for `patience_s`, TableRewritten when the table's rows moved to another
    file since the plan, SchemaChanged when files and database no longer give what the generation was made from; see
    `Refresher.copy` for the rest. A partition that is gone has nothing to copy.
    """
    with clients.session_of(pipeline) as session:
        fetch_one(session, protocol.LANE_LOCK, pipeline.name, lane)
        started_at, started = time.time(), time.monotonic()
        generation = read_generation(clients.elasticsearch, index)
        if not _is_there(session, pipeline, generation, chunk):
            return _nothing(started_at)
        sql = read_tables(session, generation.made_from(pipeline)).sql
        slicer = Slicer(session, chunk.blocks)
        refresher = Refresher(session, clients.elasticsearch, Target(index, generation.meta, sql))
        try:
            throttle = Throttle[BlockRange](session, clients.project.source_of(pipeline), patience_s)
            result = refresher.copy(throttle.pace(slicer.slices()), slicer.learn)
        except PermanentError:
            # It may be the cause that a column, or the partition, is gone.
            if _is_there(session, pipeline, generation, chunk):
                raise
            return _nothing(started_at)
        _is_there(session, pipeline, generation, chunk)
    outcome = result.outcome
    done = ChunkResult(
        rows=result.rows,
        bytes=result.bytes,
        written=outcome.written,
        conflicts=outcome.conflicts,
        rejected=len(outcome.rejected),
        samples=tuple(str(rejection) for rejection in outcome.rejected[:SAMPLE]),
        started_at=started_at,
        seconds=round(time.monotonic() - started, 3),
    )
    if throttle.held:
        blocks, reason = throttle.held
        raise HeldUp(reason, done, replace(chunk, blocks=replace(chunk.blocks, first=blocks.first)))
    return done


def is_outdated(clients: Clients, pipeline: Pipeline, index: str, chunks: list[Chunk]) -> str | None:
    """Return why what was planned is outdated, None when it is not: whether a failed run should begin again."""
    try:
        generation = read_generation(clients.elasticsearch, index)
        with clients.session_of(pipeline) as session:
            check_unchanged(session, pipeline, generation)
            compare_relations(session, pipeline, chunks)
    except PlanOutdated as outdated:
        return str(outdated)
    return None


def copy_added(clients: Clients, pipeline: Pipeline, index: str, chunks: list[Chunk]) -> tuple[list[ChunkResult], bool]:
    """Copy the partitions that came since the plan, until no more come; return that, and whether planned ones are gone.

    Rows that were in a partition when it was attached are in no event. Raises TableRewritten when rows of a table that
    is still there moved to another file, SchemaChanged as `copy_chunk` does.
    """
    results: list[ChunkResult] = []
    while True:
        with clients.session_of(pipeline) as session:
            check_unchanged(session, pipeline, read_generation(clients.elasticsearch, index))
            added, gone = compare_relations(session, pipeline, chunks)
        if not added:
            return results, gone
        log.info("Copying what came since the plan: %s", ", ".join(relation.name for relation in added))
        more = plan_chunks(added, None)
        results += [copy_chunk(clients, pipeline, index, chunk, lane=0) for chunk in more]
        chunks = [*chunks, *more]


def compare_relations(session: Session, pipeline: Pipeline, chunks: list[Chunk]) -> tuple[list[Relation], bool]:
    """Return the relations that store rows of the table and are in no chunk, and whether planned ones are gone.

    Raises TableRewritten for a rewrite behind a finished chunk.
    """
    planned = {chunk.blocks.relation: chunk.filenode for chunk in chunks}
    now = {relation.name: relation for relation in read_relations(session, pipeline.table)}
    for name, relation in now.items():
        if planned.get(name, relation.filenode) != relation.filenode:
            raise TableRewritten(name)
    return [relation for name, relation in now.items() if name not in planned], not planned.keys() <= now.keys()


def _is_there(session: Session, pipeline: Pipeline, generation: Generation, chunk: Chunk) -> bool:
    """Return whether the relation of a chunk still exists, as planned; raise PlanOutdated when something is another."""
    check_unchanged(session, pipeline, generation)
    filenode = read_filenode(session, chunk.blocks.relation)
    if filenode not in (None, chunk.filenode):
        raise TableRewritten(chunk.blocks.relation)
    return filenode is not None


def _nothing(started_at: float) -> ChunkResult:
    return ChunkResult(0, 0, 0, 0, 0, (), started_at, 0.0)
