"""The chunks of a backfill: parts of the root table, each copied by a task of its own.

A chunk may be killed and copied again, and what it wrote stays right: the stream goes on beside it, and whoever read
later wins, by version.
"""

import time
from dataclasses import asdict, dataclass
from typing import Any

from pg2es.adapters.postgres import Session, fetch_one, read_filenode, read_relations
from pg2es.core.backfill import Chunk, plan_chunks
from pg2es.core.config import Pipeline
from pg2es.core.errors import PermanentError, PlanOutdated, TableRewritten
from pg2es.core.sql import protocol
from pg2es.services.backfill.slicer import Slicer
from pg2es.services.backfill.throttle import Throttle
from pg2es.services.clients import Clients
from pg2es.services.generations import Generation, check_unchanged, read_generation
from pg2es.services.refresh import Refresher, Target
from pg2es.services.tables import read_tables

SAMPLE = 20
"""Rejected documents that a result names one by one."""


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


def plan(clients: Clients, pipeline: Pipeline, count: int | None) -> list[Chunk]:
    """Return the chunks of the root table as it is now."""
    with clients.session_of(pipeline) as session:
        return plan_chunks(read_relations(session, pipeline.table), count)


def copy_chunk(clients: Clients, pipeline: Pipeline, index: str, chunk: Chunk, lane: int) -> ChunkResult:
    """Copy one chunk into a generation. At any time at most one chunk of each `lane` of a pipeline is copied.

    Raises TableRewritten when the table's rows moved to another file since the plan, SchemaChanged when files and
    database no longer give what the generation was made from; see `Refresher.copy` for the rest.
    """
    with clients.session_of(pipeline) as session:
        fetch_one(session, protocol.LANE_LOCK, pipeline.name, lane)
        started_at, started = time.time(), time.monotonic()
        generation = read_generation(clients.elasticsearch, index)
        _check_up_to_date(session, pipeline, generation, chunk)
        sql = read_tables(session, generation.made_from(pipeline)).sql
        slicer = Slicer(session, chunk.blocks)
        refresher = Refresher(session, clients.elasticsearch, Target(index, generation.meta, sql))
        try:
            throttle = Throttle(session, clients.project.source_of(pipeline))
            result = refresher.copy(throttle.pace(slicer.slices()), slicer.learn)
        except PermanentError:
            _check_up_to_date(session, pipeline, generation, chunk)  # it may be the cause: a column is gone
            raise
        _check_up_to_date(session, pipeline, generation, chunk)
    outcome = result.outcome
    return ChunkResult(
        rows=result.rows,
        bytes=result.bytes,
        written=outcome.written,
        conflicts=outcome.conflicts,
        rejected=len(outcome.rejected),
        samples=tuple(str(rejection) for rejection in outcome.rejected[:SAMPLE]),
        started_at=started_at,
        seconds=round(time.monotonic() - started, 3),
    )


def is_outdated(clients: Clients, pipeline: Pipeline, index: str, chunks: list[Chunk]) -> str | None:
    """Return why what was planned is outdated, None when it is not: whether a failed run should begin again."""
    try:
        generation = read_generation(clients.elasticsearch, index)
        with clients.session_of(pipeline) as session:
            check_unchanged(session, pipeline, generation)
            check_same_relations(session, pipeline, chunks)
    except PlanOutdated as outdated:
        return str(outdated)
    return None


def _check_up_to_date(session: Session, pipeline: Pipeline, generation: Generation, chunk: Chunk) -> None:
    check_unchanged(session, pipeline, generation)
    if read_filenode(session, chunk.blocks.relation) != chunk.filenode:
        raise TableRewritten(chunk.blocks.relation)


def check_same_relations(session: Session, pipeline: Pipeline, chunks: list[Chunk]) -> None:
    """A rewrite behind a finished chunk, or a partition that came or went, is seen when all are done."""
    planned = {chunk.blocks.relation: chunk.filenode for chunk in chunks}
    now = {relation.name: relation.filenode for relation in read_relations(session, pipeline.table)}
    if now != planned:
        raise TableRewritten(pipeline.table)
