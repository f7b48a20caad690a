"""What killed runs and removed files leave: generations, sinks, scratch indices, slots, publications."""

import logging
from dataclasses import dataclass

from pg2es.adapters.elasticsearch import indices
from pg2es.adapters.postgres import Session, translate_errors
from pg2es.core.config import Pipeline, Source
from pg2es.core.generations import is_scratch_of, is_sink_of, sink_connector
from pg2es.core.sql import catalog
from pg2es.services.clients import Clients
from pg2es.services.generations import list_generations
from pg2es.services.locks import locked_source
from pg2es.services.stream import drop_publication, read_installation, read_marks, remove_connector, remove_generation

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Orphans:
    """Indices and connectors of a pipeline that nothing uses, unless a reindex runs right now."""

    generations: tuple[str, ...]
    sinks: tuple[str, ...]
    scratch: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return self.generations + self.sinks + self.scratch


def find_orphans(clients: Clients, pipeline: Pipeline) -> Orphans:
    """Return what is neither live nor kept for a rollback."""
    client, alias = clients.elasticsearch, pipeline.alias
    live = None if indices.is_index(client, alias) else indices.live_generation(client, alias)
    numbered = set(indices.list_generations(client, alias).values())
    kept = {g.index for g in list_generations(client, pipeline) if g.meta.keep_until}
    return Orphans(
        generations=tuple(sorted(numbered - kept - {live})),
        sinks=tuple(
            name
            for name in sorted(clients.connect.list_connectors())
            if is_sink_of(alias, name) and name not in {sink_connector(index) for index in numbered}
        ),
        scratch=tuple(index for index in indices.list_indices(client, alias) if is_scratch_of(alias, index)),
    )


@dataclass(frozen=True)
class Leftovers:
    """Slots and publications of pg2es in a source's database that no file names; a slot keeps WAL until it goes."""

    slots: tuple[str, ...]
    publications: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return self.slots + self.publications


def find_leftovers(clients: Clients, source: Source) -> Leftovers:
    """Return what this installation made, no source file names, and no connector uses.

    What bears no mark of ours may be another installation's, whatever its name is. Nothing while a source file cannot
    be read: it may name any of them.
    """
    with clients.session(source) as session:
        return _find_leftovers(clients, session, source)


def remove_leftovers(clients: Clients, source: Source) -> Leftovers:
    """Remove and return them."""
    with locked_source(clients, source), clients.session(source) as session:
        leftovers = _find_leftovers(clients, session, source)
        with translate_errors(f"Source {source.name}"):
            for name in leftovers.slots:
                log.info("Removing slot %s", name)
                session.execute(catalog.DROP_SLOT, [name])
            for name in leftovers.publications:
                log.info("Removing publication %s", name)
                drop_publication(session, name)
        return leftovers


def _find_leftovers(clients: Clients, session: Session, source: Source) -> Leftovers:
    if clients.project.sources_aside:
        return Leftovers((), ())
    installation, named = read_installation(clients), clients.project.sources.values()
    configs = clients.connect.list_configs().values()
    used = {config.get("slot.name") for config in configs} | {one.slot for one in named}
    with translate_errors(f"Source {source.name}"):
        marks = read_marks(session, [one.publication for one in named])
        ours = {
            name: mark.slot
            for name, mark in marks.items()
            if mark.installation == installation and mark.slot not in used
        }
        slots: dict[str, bool] = dict(session.execute(catalog.SLOTS, [list(ours.values())]).fetchall())
    return Leftovers(
        tuple(name for name, active in slots.items() if not active),
        tuple(name for name, slot in ours.items() if not slots.get(slot)),
    )


def remove_orphans(clients: Clients, pipeline: Pipeline) -> Orphans:
    """Remove and return them. Not while a reindex of the pipeline runs: its new generation looks like one."""
    with locked_source(clients, clients.project.source_of(pipeline)):
        orphans = find_orphans(clients, pipeline)
        for index in orphans.generations:
            remove_generation(clients, index)
        for name in orphans.sinks:
            log.info("Removing connector %s", name)
            remove_connector(clients, name)
        for index in orphans.scratch:
            indices.remove_index(clients.elasticsearch, index)
        return orphans
