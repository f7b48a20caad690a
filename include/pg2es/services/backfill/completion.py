"""After the chunks: settings, the sweep, counts of both sides, and the report."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pg2es.adapters.elasticsearch import indices
from pg2es.adapters.postgres import Session, fetch_one, translate_errors
from pg2es.core.backfill import Chunk
from pg2es.core.config import Pipeline
from pg2es.core.errors import DocumentsRejected, DriftFound
from pg2es.core.reports import ReportKind
from pg2es.services.backfill.chunks import SAMPLE, ChunkResult, copy_added
from pg2es.services.backfill.preparation import Prepared
from pg2es.services.backfill.sweep import sweep
from pg2es.services.clients import Clients
from pg2es.services.drift import check_read_back, compare_digests
from pg2es.services.generations import Generation, finish_build, read_generation
from pg2es.services.locks import locked_source
from pg2es.services.reports import write_report
from pg2es.services.stream import pass_barrier
from pg2es.services.tables import read_tables

log = logging.getLogger(__name__)

_COUNT_ROUNDS = 2


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


@dataclass(frozen=True)
class Settled:
    """The filled generation, what was copied of partitions that came since the plan, and how many were swept."""

    generation: Generation
    added: list[ChunkResult]
    swept: int


def settle(clients: Clients, pipeline: Pipeline, prepared: Prepared, chunks: list[Chunk]) -> Settled:
    """Copy what came since the plan, put settings back, and sweep what PostgreSQL lacks.

    An index that was not empty may hold documents whose rows went away while nobody listened, and so does one that was
    filled from a partition that is gone: a backfill never deletes, so it ends with a sweep (refresh protocol, rule 10).
    Raises TableRewritten or SchemaChanged when what was planned is outdated, DriftFound when Elasticsearch stores other
    documents than it was sent.
    """
    generation = read_generation(clients.elasticsearch, prepared.index)
    added, gone = copy_added(clients, pipeline, generation.index, chunks)
    finish_build(clients.elasticsearch, generation)
    swept = sweep(clients, pipeline, generation) if gone or not prepared.was_empty else 0
    check_read_back(clients.elasticsearch, generation.index)
    return Settled(note_filled(clients, pipeline, prepared), added, swept)


def finish(
    clients: Clients, pipeline: Pipeline, prepared: Prepared, chunks: list[Chunk], results: list[dict[str, Any]]
) -> Summary:
    """Settle the generation, count both sides behind a barrier, report, and return what the whole backfill did."""
    settled = settle(clients, pipeline, prepared, chunks)
    generation = settled.generation
    results = [*results, *(result.to_json() for result in settled.added)]
    with clients.session_of(pipeline) as session:
        counts = _count_both(clients, session, pipeline, generation)
    names = ("rows", "bytes", "written", "conflicts", "rejected")
    total = {name: sum(result[name] for result in results) for name in names}
    summary = Summary(
        pipeline=pipeline.name,
        index=generation.index,
        chunks=len(results),
        samples=tuple(sample for result in results for sample in result["samples"])[:SAMPLE],
        swept=settled.swept,
        counts=counts,
        seconds=round(_wall_seconds(results), 3),
        **total,
    )
    write_report(clients.elasticsearch, ReportKind.BACKFILL, pipeline.name, str(summary), summary.to_json())
    return summary


def check(summary: Summary) -> None:
    """Raise DocumentsRejected if there were any; DriftFound if the counts differ while nothing changes."""
    check_rejected(summary.pipeline, summary.rejected, summary.samples)
    if summary.counts.settled and summary.counts.documents != summary.counts.expected:
        raise DriftFound(
            f"Index {summary.index} has {summary.counts.documents:,} documents, PostgreSQL "
            f"{summary.counts.expected:,}. Run `pg2es verify {summary.pipeline}` to see which differ."
        )


def check_rejected(pipeline: str, rejected: int, samples: Sequence[str]) -> None:
    """Raise DocumentsRejected if there were documents that Elasticsearch refused or PostgreSQL could not make."""
    if rejected:
        raise DocumentsRejected(
            f"{rejected:,} documents of pipeline {pipeline} were rejected; all others are there. Correct the rows, the "
            f"mapping or the document SQL, then run it again. First: {samples[0]}"
        )


def note_filled(clients: Clients, pipeline: Pipeline, prepared: Prepared) -> Generation:
    """Write down that a generation holds everything, and its gap closed, unless it is a later one than was open then.

    Under the lock, because whoever finds a gap writes it down there.
    """
    with locked_source(clients, clients.project.source_of(pipeline)):
        generation = read_generation(clients.elasticsearch, prepared.index)
        gap = generation.meta.gap
        if gap and gap.isoformat() != prepared.gap:
            log.warning("%s misses changes since %s, while it was filled: run the backfill again", prepared.index, gap)
        else:
            gap = None
        return generation.remember(clients.elasticsearch, filled=True, gap=gap)


def _count_both(clients: Clients, session: Session, pipeline: Pipeline, generation: Generation) -> Counts:
    """Count documents on both sides, PostgreSQL's before and after a barrier.

    A row that comes and goes in between leaves PostgreSQL's count as it was, and may be counted in Elasticsearch. So a
    difference counts only if documents differ.
    """
    statement = read_tables(session, generation.made_from(pipeline)).sql.count()
    with translate_errors(f"Pipeline {pipeline.name}"):
        expected = int(fetch_one(session, statement)[0])
        for _ in range(_COUNT_ROUNDS):
            pass_barrier(clients, pipeline, generation)
            documents = indices.count_documents(clients.elasticsearch, generation.index)
            before, expected = expected, int(fetch_one(session, statement)[0])
            if before == expected:
                settled = documents == expected or compare_digests(clients, pipeline, generation).drifted > 0
                return Counts(documents, expected, settled)
    return Counts(documents, expected, settled=False)


def _wall_seconds(results: list[dict[str, Any]]) -> float:
    """From the start of the first chunk to the end of the last."""
    if not results:
        return 0.0
    return float(max(r["started_at"] + r["seconds"] for r in results) - min(r["started_at"] for r in results))
