"""Dead letters: what they are, and their replay, which refreshes the roots that they are about.

    record ──▶ generation ──▶ roots ──▶ refresh ──▶ acknowledged: resolved, and noted so
                                                ──▶ refused again, or no root to be read: stays

A replay reads rows as they are now and never writes an old value, so it may run at any time, twice, or beside the sink.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

from pg2es.adapters.kafka import DeadLetterQueue, open_queue
from pg2es.adapters.postgres import Session
from pg2es.core.config import Pipeline, Source
from pg2es.core.dead_letters import REASON_CHARACTERS, DeadLetterRecord, Group, find_pipeline, group_records, shorten
from pg2es.core.errors import GenerationError, PermanentError, UnreadableRecord
from pg2es.core.reports import ReportKind
from pg2es.services.clients import Clients
from pg2es.services.dead_letters.roots import RootFinder
from pg2es.services.generations import Generation, list_generations, require_live_generation
from pg2es.services.refresh import Refresher, Target, scheduler
from pg2es.services.reports import write_report
from pg2es.services.stream import wait_for_fence
from pg2es.services.tables import PipelineTables, read_tables

log = logging.getLogger(__name__)

AT_ONCE = 500
SAMPLE = 20


@dataclass
class Replayed:
    """What a replay did. `samples` says why some records stay: as they were judged now, not when they were written."""

    source: str
    resolved: int = 0
    refused: int = 0
    unreadable: int = 0
    samples: list[str] = field(default_factory=list)

    @property
    def left(self) -> int:
        """How many of the records that were replayed stay."""
        return self.refused + self.unreadable

    def explain(self, sentence: str) -> None:
        """Keep one of the first reasons."""
        text = shorten(sentence, REASON_CHARACTERS)
        if len(self.samples) < SAMPLE and text not in self.samples:
            self.samples.append(text)

    def to_json(self) -> dict[str, Any]:
        """Return the result as a report keeps it."""
        return asdict(self)

    @property
    def text(self) -> str:
        """What was done, and the reasons line by line."""
        return "\n".join([str(self), *self.samples])

    def __str__(self) -> str:
        return (
            f"Dead letters of {self.source}: {self.resolved:,} resolved, {self.refused:,} refused again, "
            f"{self.unreadable:,} that name no root."
        )


def list_groups(clients: Clients, source: Source) -> list[Group]:
    """Return the groups of a source's open dead letters, the oldest first. Nothing is changed."""
    with _queue(clients, source) as queue:
        return group_records(queue.open_records(), clients.project.pipelines_of(source))


def list_few_groups(clients: Clients, source: Source, at_most: int) -> list[Group] | None:
    """Return the same where at most so many messages are to be read for it, else None."""
    with _queue(clients, source) as queue:
        if queue.count_messages() > at_most:
            return None
        return group_records(queue.open_records(), clients.project.pipelines_of(source))


def report_groups(clients: Clients, source: Source) -> tuple[int, str]:
    """Return how many open dead letters a source has, and a text with their groups; report it where there are any."""
    groups = list_groups(clients, source)
    count = sum(group.count for group in groups)
    text = "\n".join([f"{count:,} dead letters of {source.name} in {len(groups)} groups", *map(str, groups)])
    if groups:
        details = {"groups": [group.to_json() for group in groups]}
        write_report(clients.elasticsearch, ReportKind.DEAD_LETTERS, source.name, text, details)
    return count, text


def replay(clients: Clients, source: Source, group: str | None = None) -> Replayed:
    """Refresh the roots of a source's dead letters, of one group or of all, resolve what is acknowledged, and report.

    Raises PermanentError when no record is of that group, GenerationError when a pipeline has no generation to write
    into; whatever was resolved by then stays resolved.
    """
    result = Replayed(source.name)
    with _queue(clients, source) as queue, ExitStack() as sessions:
        replayers = _Replayers(clients, source, sessions)
        for records in _batches(_chosen(queue, source, group)):
            resolved = replayers.replay(records, result)
            queue.resolve(resolved)
            result.resolved += len(resolved)
        queue.commit()
    write_report(clients.elasticsearch, ReportKind.REPLAY, source.name, result.text, result.to_json())
    return result


def discard(clients: Clients, source: Source, group: str) -> int:
    """Resolve the records of a group without refreshing anything, report it, and return how many there were.

    For those that name no root, once a backfill has read every row. Raises PermanentError when none is of that group.
    """
    discarded = 0
    with _queue(clients, source) as queue:
        for records in _batches(_chosen(queue, source, group)):
            queue.resolve(records)
            discarded += len(records)
        queue.commit()
    log.warning("Discarded %d dead letters of group %s", discarded, group)
    details = {"group": group, "discarded": discarded}
    write_report(clients.elasticsearch, ReportKind.REPLAY, source.name, describe_discarded(group, discarded), details)
    return discarded


def describe_discarded(group: str, count: int) -> str:
    """Return the sentence about it."""
    return f"Discarded {count:,} dead letters of {group}."


@dataclass(frozen=True)
class _GenerationReplayer:
    """Refreshes roots of one generation."""

    session: Session
    source: Source
    tables: PipelineTables
    refresher: Refresher

    def replay(self, records: list[DeadLetterRecord], result: Replayed) -> list[DeadLetterRecord]:
        """Return the records all of whose documents are acknowledged now; the others are counted in `result`."""
        finder = RootFinder(self.session, self.source, self.tables)
        found: list[tuple[DeadLetterRecord, frozenset[str]]] = []
        for record in records:
            try:
                found.append((record, finder.find(record)))
            except UnreadableRecord as error:
                result.unreadable += 1
                result.explain(f"{record.subject}: {error}")
        ids = sorted({identifier for _, identifiers in found for identifier in identifiers})
        outcome = self.refresher.refresh_ids(ids)
        refused = {rejection.id for rejection in outcome.rejected}
        for rejection in outcome.rejected:
            result.explain(str(rejection))
        resolved = [record for record, identifiers in found if not identifiers & refused]
        result.refused += len(found) - len(resolved)
        return resolved


class _Replayers:
    """Which generation a record is replayed into; each is opened once.

    It is the one whose sink wrote the record. When that one is gone, or replaced and only kept for a rollback, the live
    one takes its place: a record is open as long as the document is not where it is searched.
    """

    def __init__(self, clients: Clients, source: Source, sessions: ExitStack) -> None:
        self._clients = clients
        self._source = source
        self._sessions = sessions
        self._pipelines = clients.project.pipelines_of(source)
        self._indices: dict[str, str | None] = {}
        self._replayers: dict[str, _GenerationReplayer] = {}

    def replay(self, records: Iterable[DeadLetterRecord], result: Replayed) -> list[DeadLetterRecord]:
        """Return the records that are resolved now; the others are counted in `result`."""
        divided: dict[str | None, list[DeadLetterRecord]] = {}
        for record in records:
            divided.setdefault(self._index_for(record.index), []).append(record)
        for record in divided.pop(None, []):
            result.unreadable += 1
            result.explain(f"{record.subject}: no pipeline of source {self._source.name} has index {record.index}")
        return [
            record
            for index, part in divided.items()
            for record in self._replayers[index].replay(part, result)  # type: ignore[index]  # None is gone
        ]

    def _index_for(self, written: str) -> str | None:
        """Return the index that the records of a generation are replayed into, opened; None without a pipeline."""
        if written not in self._indices:
            pipeline = find_pipeline(written, self._pipelines)
            if pipeline is None:
                self._indices[written] = None
            else:
                generation = _find_generation(self._clients, pipeline, written)
                if generation.index not in self._replayers:
                    self._replayers[generation.index] = self._open(pipeline, generation)
                self._indices[written] = generation.index
        return self._indices[written]

    def _open(self, pipeline: Pipeline, generation: Generation) -> _GenerationReplayer:
        session = self._sessions.enter_context(self._clients.session(self._source))
        if generation.meta.fence is None:
            raise GenerationError(
                f"Index {generation.index} has no stream yet, so nothing may be written there: "
                f"run the DAG backfill_{pipeline.name}."
            )
        wait_for_fence(session, generation.meta.fence)
        tables = read_tables(session, generation.made_from(pipeline))
        log.info("Records of pipeline %s are replayed into %s", pipeline.name, generation.index)
        target = Target(generation.index, generation.meta, tables.sql)
        schedule = scheduler(self._clients, pipeline, generation.index)
        refresher = Refresher(session, self._clients.elasticsearch, target, schedule)
        return _GenerationReplayer(session, self._source, tables, refresher)


def _find_generation(clients: Clients, pipeline: Pipeline, written: str) -> Generation:
    """Return the generation of that name, or the live one when it is gone or replaced."""
    for generation in list_generations(clients.elasticsearch, pipeline):
        if generation.index == written and generation.meta.replaced_at is None:
            return generation
    return require_live_generation(clients.elasticsearch, pipeline)


def _queue(clients: Clients, source: Source) -> AbstractContextManager[DeadLetterQueue]:
    return open_queue(clients.kafka_access, clients.kafka, source.dead_letter_topic, source.replay_group)


def _chosen(queue: DeadLetterQueue, source: Source, group: str | None) -> Iterator[DeadLetterRecord]:
    """Give the open records of a group, None: all; PermanentError when no record is of that group."""
    found = False
    for record in queue.open_records():
        if group is None or record.group == group:
            found = True
            yield record
    if group is not None and not found:
        raise PermanentError(
            f"Source {source.name} has no open dead letter of group {group}; `pg2es replay {source.name} --list` "
            f"shows the groups."
        )


def _batches(records: Iterator[DeadLetterRecord]) -> Iterator[list[DeadLetterRecord]]:
    while batch := list(islice(records, AT_ONCE)):
        yield batch
