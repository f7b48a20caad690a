"""The backfill of a pipeline, in steps that each look at the world and do what is left.

    prepare ──▶ plan ──▶ copy_chunk … ──▶ finish
                (ctid ranges, mapped tasks)  settings, refresh, sweep, counts, report

Each step may be killed and run again. What a chunk wrote stays right: the stream goes on beside it, and whoever read
later wins, by version.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pg2es.adapters import indices
from pg2es.adapters.catalog import read_filenode, read_relations
from pg2es.adapters.postgres import Session, fetch_one, translate_errors
from pg2es.core.chunks import BlockRange, Chunk, plan_chunks
from pg2es.core.errors import (
    DocumentsRejected,
    DriftFound,
    GenerationError,
    PermanentError,
    PlanOutdated,
    TableRewritten,
)
from pg2es.core.pipeline import Pipeline
from pg2es.core.plan import Verdict
from pg2es.core.sql import protocol
from pg2es.services.barrier import pass_barrier
from pg2es.services.clients import Clients, read_tables
from pg2es.services.connectors import ensure_sink, ensure_source, restart_stream
from pg2es.services.fence import wait_for_fence
from pg2es.services.generations import (
    Generation,
    begin_build,
    create_generation,
    finish_build,
    read_generation,
)
from pg2es.services.plan import apply_in_place, check_unchanged, make_plan
from pg2es.services.refresh import SLICE_BYTES, Refresher, Slice, Target
from pg2es.services.sweep import sweep
from pg2es.services.throttle import Throttle

log = logging.getLogger(__name__)

SAMPLE = 20
"""Rejected documents that a result names one by one."""

_FIRST_SLICE_BLOCKS = 64
_COUNT_ROUNDS = 2


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


@dataclass(frozen=True)
class Prepared:
    """The generation that is filled, and whether it was empty when the filling began."""

    index: str
    was_empty: bool


def prepare(clients: Clients, pipeline: Pipeline) -> Prepared:
    """Bring the live generation to what the files say, make the first one if there is none, and start its stream.

    Raises GenerationError with the plan when that takes a reindex or cannot be done at all.
    """
    plan = make_plan(clients, pipeline)
    if plan.wanted is None or plan.verdict is Verdict.BROKEN:
        raise GenerationError(f"A backfill cannot help pipeline {plan}\nCorrect that first.")
    if plan.index and plan.verdict is Verdict.REINDEX:
        raise GenerationError(f"A backfill cannot help pipeline {plan}\nRun the DAG reindex_{pipeline.name}.")
    ensure_source(clients, clients.project.source_of(pipeline))
    if plan.index is None:
        with clients.session(clients.project.source_of(pipeline)) as session:
            generation = create_generation(clients.elasticsearch, session, pipeline, plan.wanted, live=True)
    else:
        generation = apply_in_place(clients, read_generation(clients.elasticsearch, plan.index), plan.wanted)
    return start_stream(clients, pipeline, generation)


def start_stream(clients: Clients, pipeline: Pipeline, generation: Generation) -> Prepared:
    """Make sure that the generation is fed, wait for its start fence, and set it up for many writes."""
    if generation.meta.fence is not None:
        generation = restart_stream(clients, generation)
    generation = ensure_sink(clients, pipeline, generation)
    with clients.session(clients.project.source_of(pipeline)) as session:
        wait_for_fence(session, generation.meta.fence or "")
    return Prepared(generation.index, begin_build(clients.elasticsearch, generation))


def plan(clients: Clients, pipeline: Pipeline, count: int | None) -> list[Chunk]:
    """Return the chunks of the root table as it is now."""
    with clients.session(clients.project.source_of(pipeline)) as session:
        return plan_chunks(read_relations(session, pipeline.table), count)


def copy_chunk(clients: Clients, pipeline: Pipeline, index: str, chunk: Chunk, lane: int) -> ChunkResult:
    """Copy one chunk into a generation. At any time at most one chunk of each `lane` of a pipeline is copied.

    Raises TableRewritten when the table's rows moved to another file since the plan, SchemaChanged when files and
    database no longer give what the generation was made from; see `Refresher.copy` for the rest.
    """
    with clients.session(clients.project.source_of(pipeline)) as session:
        fetch_one(session, protocol.LANE_LOCK, pipeline.name, lane)
        started_at, started = time.time(), time.monotonic()
        generation = read_generation(clients.elasticsearch, index)
        _check_up_to_date(session, pipeline, generation, chunk)
        sql = read_tables(session, generation.made_from(pipeline)).sql
        slicer = _Slicer(session, chunk.blocks)
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


@dataclass(frozen=True)
class Counts:
    """Documents in the index and in PostgreSQL; `settled` when no row came or went while they were counted."""

    documents: int
    expected: int
    settled: bool


@dataclass(frozen=True)
class Summary:
    """What a whole backfill did. `seconds` is the time that copying took."""

    pipeline: str
    index: str
    chunks: int
    rows: int
    bytes: int
    written: int
    conflicts: int
    rejected: int
    samples: tuple[str, ...]
    swept: int
    counts: Counts
    seconds: float

    @property
    def docs_per_s(self) -> int:
        """Documents copied in a second."""
        return round(self.rows / self.seconds) if self.seconds else 0

    def to_json(self) -> dict[str, Any]:
        """Return the summary as a report keeps it."""
        return {**asdict(self), "docs_per_s": self.docs_per_s}

    def __str__(self) -> str:
        return (
            f"Backfill of {self.pipeline} into {self.index}: {self.rows:,} rows in {self.chunks} chunks, "
            f"{self.seconds:,.1f} s, {self.docs_per_s:,} docs/s; {self.written:,} written, "
            f"{self.conflicts:,} already newer, {self.rejected:,} rejected, {self.swept:,} swept; "
            f"the index has {self.counts.documents:,} documents, PostgreSQL {self.counts.expected:,}"
            f"{'' if self.counts.settled else ' (rows came and went while they were counted)'}."
        )


def settle(clients: Clients, pipeline: Pipeline, prepared: Prepared, chunks: list[Chunk]) -> tuple[Generation, int]:
    """Put settings back and sweep what PostgreSQL lacks; return the filled generation and how many were swept.

    An index that was not empty may hold documents whose rows went away while nobody listened: a backfill never deletes,
    so it ends with a sweep (refresh protocol, rule 10).
    """
    generation = read_generation(clients.elasticsearch, prepared.index)
    finish_build(clients.elasticsearch, generation)
    with clients.session(clients.project.source_of(pipeline)) as session:
        _check_same_relations(session, pipeline, chunks)
        check_unchanged(session, pipeline, generation)
    swept = 0 if prepared.was_empty else sweep(clients, pipeline, generation)
    return generation.remember(clients.elasticsearch, filled=True, gap=None), swept


def finish(
    clients: Clients, pipeline: Pipeline, prepared: Prepared, chunks: list[Chunk], results: list[dict[str, Any]]
) -> Summary:
    """Settle the generation, count both sides behind a barrier, and return what the whole backfill did."""
    generation, swept = settle(clients, pipeline, prepared, chunks)
    with clients.session(clients.project.source_of(pipeline)) as session:
        counts = _count_both(clients, session, pipeline, generation)
    names = ("rows", "bytes", "written", "conflicts", "rejected")
    total = {name: sum(result[name] for result in results) for name in names}
    return Summary(
        pipeline=pipeline.name,
        index=generation.index,
        chunks=len(chunks),
        samples=tuple(sample for result in results for sample in result["samples"])[:SAMPLE],
        swept=swept,
        counts=counts,
        seconds=round(_wall_seconds(results), 3),
        **total,
    )


def check(summary: Summary) -> None:
    """Raise DocumentsRejected if there were any; DriftFound if the counts differ while nothing changes."""
    check_rejected(summary.pipeline, summary.rejected, summary.samples)
    if summary.counts.settled and summary.counts.documents != summary.counts.expected:
        raise DriftFound(
            f"Index {summary.index} has {summary.counts.documents:,} documents, PostgreSQL "
            f"{summary.counts.expected:,}. Run `pg2es verify {summary.pipeline}` to see which differ."
        )


def check_rejected(pipeline: str, rejected: int, samples: Sequence[str]) -> None:
    """Raise DocumentsRejected if Elasticsearch refused documents."""
    if rejected:
        raise DocumentsRejected(
            f"Elasticsearch refused {rejected:,} documents of pipeline {pipeline}; all others are there. Correct the "
            f"mapping or the document SQL, then run it again. First: {samples[0]}"
        )


def _count_both(clients: Clients, session: Session, pipeline: Pipeline, generation: Generation) -> Counts:
    """Count documents on both sides. Settled: PostgreSQL says the same before and after, with a barrier in between."""
    statement = read_tables(session, generation.made_from(pipeline)).sql.count()
    with translate_errors(f"Pipeline {pipeline.name}"):
        expected = int(fetch_one(session, statement)[0])
        for _ in range(_COUNT_ROUNDS):
            pass_barrier(clients, pipeline, generation)
            documents = indices.count_documents(clients.elasticsearch, generation.index)
            before, expected = expected, int(fetch_one(session, statement)[0])
            if before == expected:
                return Counts(documents, expected, settled=True)
    return Counts(documents, expected, settled=False)


def _wall_seconds(results: list[dict[str, Any]]) -> float:
    """From the start of the first chunk to the end of the last."""
    if not results:
        return 0.0
    return float(max(r["started_at"] + r["seconds"] for r in results) - min(r["started_at"] for r in results))


class _Slicer:
    """Divides a block range into slices of about SLICE_BYTES, learning from each how large the documents are."""

    def __init__(self, session: Session, blocks: BlockRange) -> None:
        self._session = session
        self._blocks = blocks
        self._size = _FIRST_SLICE_BLOCKS

    def slices(self) -> Iterator[BlockRange]:
        """Give half-open slices in order; the last of an open-ended range is open-ended too."""
        relation, first, end = self._blocks.relation, self._blocks.first, self._blocks.end
        while True:
            known_end = self._end_now() if end is None else end
            until = first + self._size
            if until >= known_end:
                yield BlockRange(relation, first, end)
                return
            yield BlockRange(relation, first, until)
            first = until

    def learn(self, read: Slice) -> None:
        """Aim the next slice at SLICE_BYTES, at most four times the last one."""
        fitting = self._size * SLICE_BYTES // max(read.bytes, 1)
        self._size = max(1, min(fitting, self._size * 4))

    def _end_now(self) -> int:
        blocks = {relation.name: relation.blocks for relation in read_relations(self._session, self._blocks.relation)}
        return blocks.get(self._blocks.relation, 0)


def is_outdated(clients: Clients, pipeline: Pipeline, index: str, chunks: list[Chunk]) -> str | None:
    """Return why what was planned is outdated, None when it is not: whether a failed run should begin again."""
    try:
        generation = read_generation(clients.elasticsearch, index)
        with clients.session(clients.project.source_of(pipeline)) as session:
            check_unchanged(session, pipeline, generation)
            _check_same_relations(session, pipeline, chunks)
    except PlanOutdated as outdated:
        return str(outdated)
    return None


def _check_up_to_date(session: Session, pipeline: Pipeline, generation: Generation, chunk: Chunk) -> None:
    check_unchanged(session, pipeline, generation)
    if read_filenode(session, chunk.blocks.relation) != chunk.filenode:
        raise TableRewritten(chunk.blocks.relation)


def _check_same_relations(session: Session, pipeline: Pipeline, chunks: list[Chunk]) -> None:
    """A rewrite behind a finished chunk, or a partition that came or went, is seen when all are done."""
    planned = {chunk.blocks.relation: chunk.filenode for chunk in chunks}
    now = {relation.name: relation.filenode for relation in read_relations(session, pipeline.table)}
    if now != planned:
        raise TableRewritten(pipeline.table)
