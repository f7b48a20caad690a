"""Dead letters: what they are, and their replay, which refreshes the roots that they are about.

    letter ──▶ generation ──▶ roots ──▶ refresh ──▶ acknowledged: resolved, and noted so
                                                ──▶ refused again, or no root to be read: stays

A replay reads rows as they are now and never writes an old value, so it may run at any time, twice, or beside the sink.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

from pg2es.adapters.dead_letters import DeadLetterQueue, open_queue
from pg2es.adapters.postgres import Session
from pg2es.core.dead_letters import REASON_CHARACTERS, DeadLetter, Group, find_pipeline, group_letters, shorten
from pg2es.core.errors import GenerationError, PermanentError, UnreadableRecord
from pg2es.core.pipeline import Pipeline
from pg2es.core.source import Source
from pg2es.services.clients import Clients, PipelineTables, read_tables
from pg2es.services.fence import wait_for_fence
from pg2es.services.generations import Generation, list_generations, require_live_generation
from pg2es.services.refresh import Refresher, Target
from pg2es.services.replay_roots import RootFinder
from pg2es.services.requests import scheduler

log = logging.getLogger(__name__)

AT_ONCE = 500
SAMPLE = 20


@dataclass
class Replayed:
    """What a replay did. `samples` says why some letters stay: as they were judged now, not when they were written."""

    source: str
    resolved: int = 0
    refused: int = 0
    unreadable: int = 0
    samples: list[str] = field(default_factory=list)

    @property
    def left(self) -> int:
        """How many of the letters that were replayed stay."""
        return self.refused + self.unreadable

    def explain(self, sentence: str) -> None:
        """Keep one of the first reasons."""
        text = shorten(sentence, REASON_CHARACTERS)
        if len(self.samples) < SAMPLE and text not in self.samples:
            self.samples.append(text)

    def to_json(self) -> dict[str, Any]:
        """Return the result as a report keeps it."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"Dead letters of {self.source}: {self.resolved:,} resolved, {self.refused:,} refused again, "
            f"{self.unreadable:,} that name no root."
        )


def list_groups(clients: Clients, source: Source) -> list[Group]:
    """Return the groups of a source's open dead letters, the oldest first. Nothing is changed."""
    with _queue(clients, source) as queue:
        return group_letters(queue.open_letters(), clients.project.pipelines_of(source))


def replay(clients: Clients, source: Source, group: str | None = None) -> Replayed:
    """Refresh the roots of a source's dead letters, of one group or of all, and resolve what is acknowledged.

    Raises PermanentError when no letter is of that group, GenerationError when a pipeline has no generation to write
    into; whatever was resolved by then stays resolved.
    """
    result = Replayed(source.name)
    with _queue(clients, source) as queue, ExitStack() as sessions:
        judges = _Judges(clients, source, sessions)
        for letters in _batches(_chosen(queue, source, group)):
            resolved = judges.judge(letters, result)
            queue.resolve(resolved)
            result.resolved += len(resolved)
        queue.commit()
    return result


def discard(clients: Clients, source: Source, group: str) -> int:
    """Resolve the letters of a group without refreshing anything, and return how many there were.

    For those that name no root, once a backfill has read every row. Raises PermanentError when none is of that group.
    """
    discarded = 0
    with _queue(clients, source) as queue:
        for letters in _batches(_chosen(queue, source, group)):
            queue.resolve(letters)
            discarded += len(letters)
        queue.commit()
    log.warning("Discarded %d dead letters of group %s", discarded, group)
    return discarded


@dataclass(frozen=True)
class _Judge:
    """Refreshes roots of one generation."""

    session: Session
    source: Source
    tables: PipelineTables
    refresher: Refresher

    def judge(self, letters: list[DeadLetter], result: Replayed) -> list[DeadLetter]:
        """Return the letters all of whose documents are acknowledged now; the others are counted in `result`."""
        finder = RootFinder(self.session, self.source, self.tables)
        found: list[tuple[DeadLetter, frozenset[str]]] = []
        for letter in letters:
            try:
                found.append((letter, finder.find(letter)))
            except UnreadableRecord as error:
                result.unreadable += 1
                result.explain(f"{letter.subject}: {error}")
        ids = sorted({identifier for _, identifiers in found for identifier in identifiers})
        outcome = self.refresher.refresh_ids(ids)
        refused = {rejection.id for rejection in outcome.rejected}
        for rejection in outcome.rejected:
            result.explain(str(rejection))
        resolved = [letter for letter, identifiers in found if not identifiers & refused]
        result.refused += len(found) - len(resolved)
        return resolved


class _Judges:
    """Which generation judges a letter; each is opened once.

    It is the one whose sink wrote the letter. When that one is gone, or replaced and only kept for a rollback, the live
    one takes its place: a letter is open as long as the document is not where it is searched.
    """

    def __init__(self, clients: Clients, source: Source, sessions: ExitStack) -> None:
        self._clients = clients
        self._source = source
        self._sessions = sessions
        self._pipelines = clients.project.pipelines_of(source)
        self._indices: dict[str, str | None] = {}
        self._judges: dict[str, _Judge] = {}

    def judge(self, letters: Iterable[DeadLetter], result: Replayed) -> list[DeadLetter]:
        """Return the letters that are resolved now; the others are counted in `result`."""
        divided: dict[str | None, list[DeadLetter]] = {}
        for letter in letters:
            divided.setdefault(self._index_for(letter.index), []).append(letter)
        for letter in divided.pop(None, []):
            result.unreadable += 1
            result.explain(f"{letter.subject}: no pipeline of source {self._source.name} has index {letter.index}")
        return [
            letter
            for index, part in divided.items()
            for letter in self._judges[index].judge(part, result)  # type: ignore[index]  # None is gone
        ]

    def _index_for(self, written: str) -> str | None:
        """Return the index that judges the letters of a generation, its judge being there; None without a pipeline."""
        if written not in self._indices:
            pipeline = find_pipeline(written, self._pipelines)
            if pipeline is None:
                self._indices[written] = None
            else:
                generation = _find_generation(self._clients, pipeline, written)
                if generation.index not in self._judges:
                    self._judges[generation.index] = self._open(pipeline, generation)
                self._indices[written] = generation.index
        return self._indices[written]

    def _open(self, pipeline: Pipeline, generation: Generation) -> _Judge:
        session = self._sessions.enter_context(self._clients.session(self._source))
        if generation.meta.fence is None:
            raise GenerationError(
                f"Index {generation.index} has no stream yet, so nothing may be written there: "
                f"run the DAG backfill_{pipeline.name}."
            )
        wait_for_fence(session, generation.meta.fence)
        tables = read_tables(session, generation.made_from(pipeline))
        log.info("Letters of pipeline %s are judged by %s", pipeline.name, generation.index)
        target = Target(generation.index, generation.meta, tables.sql)
        schedule = scheduler(self._clients, pipeline, generation.index)
        return _Judge(session, self._source, tables, Refresher(session, self._clients.elasticsearch, target, schedule))


def _find_generation(clients: Clients, pipeline: Pipeline, written: str) -> Generation:
    """Return the generation of that name, or the live one when it is gone or replaced."""
    for generation in list_generations(clients.elasticsearch, pipeline):
        if generation.index == written and generation.meta.replaced_at is None:
            return generation
    return require_live_generation(clients.elasticsearch, pipeline)


def _queue(clients: Clients, source: Source) -> AbstractContextManager[DeadLetterQueue]:
    return open_queue(clients.kafka_access, clients.kafka, source.dead_letter_topic, source.replay_group)


def _chosen(queue: DeadLetterQueue, source: Source, group: str | None) -> Iterator[DeadLetter]:
    """Give the open letters of a group, None: all; PermanentError when no letter is of that group."""
    found = False
    for letter in queue.open_letters():
        if group is None or letter.group == group:
            found = True
            yield letter
    if group is not None and not found:
        raise PermanentError(
            f"Source {source.name} has no open dead letter of group {group}; `pg2es replay {source.name} --list` "
            f"shows the groups."
        )


def _batches(letters: Iterator[DeadLetter]) -> Iterator[list[DeadLetter]]:
    while batch := list(islice(letters, AT_ONCE)):
        yield batch
