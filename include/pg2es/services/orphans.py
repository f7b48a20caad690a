"""What killed runs leave: generations that never went live, sinks without an index, scratch indices."""

import logging
from dataclasses import dataclass

from pg2es.adapters import indices
from pg2es.core.generation import is_scratch_of, is_sink_of, sink_connector
from pg2es.core.pipeline import Pipeline
from pg2es.services.clients import Clients
from pg2es.services.connectors import remove_connector, remove_generation
from pg2es.services.generations import list_generations

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


def remove_orphans(clients: Clients, orphans: Orphans) -> None:
    """Remove them. Not while a reindex of the pipeline runs: its new generation looks like one."""
    for index in orphans.generations:
        remove_generation(clients, index)
    for name in orphans.sinks:
        log.info("Removing connector %s", name)
        remove_connector(clients, name)
    for index in orphans.scratch:
        indices.remove_index(clients.elasticsearch, index)
