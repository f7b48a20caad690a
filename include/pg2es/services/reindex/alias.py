"""Which generation is live: the swap of the alias, and the end of generations that were replaced."""

import logging
from datetime import UTC, datetime, timedelta

from pg2es.adapters.elasticsearch import indices
from pg2es.core.config import Pipeline
from pg2es.core.errors import FormatMismatch, GenerationError
from pg2es.services.clients import Clients
from pg2es.services.generations import list_generations, live_generation, read_generation
from pg2es.services.locks import locked_source
from pg2es.services.stream import pass_barrier, remove_generation

log = logging.getLogger(__name__)


def swap(clients: Clients, pipeline: Pipeline, index: str, keep: timedelta) -> str | None:
    """Let the alias point to a verified generation and return what it replaced; None when it was live already.

    What was committed before this call is searchable in it by then: hours may have passed since it was verified, and
    its sink may have failed meanwhile. The replaced generation stays and is fed until `keep` is over. An index that has
    the alias' name is removed in the same step. Safe to run again after it was killed anywhere. Raises GenerationError
    when the index was not verified, ConnectorError and BarrierTimeout when it is not up to date.
    """
    client = clients.elasticsearch
    pass_barrier(clients, pipeline, read_generation(client, index))
    with locked_source(clients, clients.project.source_of(pipeline)):
        generation = read_generation(client, index)
        if not generation.meta.verified:
            raise GenerationError(f"{index} was not verified, so the alias {pipeline.alias} does not go there.")
        replaced = pipeline.alias if indices.is_index(client, pipeline.alias) else None
        replaced = replaced or indices.live_generation(client, pipeline.alias)
        if replaced == index:
            replaced = None
        else:
            _keep(clients, pipeline, replaced, keep)
            indices.point_alias(client, pipeline.alias, index, replaced)
            log.info("Alias %s points to %s, before to %s", pipeline.alias, index, replaced or "nothing")
        if generation.meta.keep_until:
            generation.remember(client, keep_until=None, replaced_at=None)
        return replaced


def retire(clients: Clients, pipeline: Pipeline) -> list[str]:
    """Remove the generations that were kept long enough, each after its sink; return their names."""
    with locked_source(clients, clients.project.source_of(pipeline)):
        live = live_generation(clients.elasticsearch, pipeline)
        if live is None:
            return []  # without a live generation, one that was kept may be what somebody needs
        now = datetime.now(UTC)
        due = [
            generation.index
            for generation in list_generations(clients.elasticsearch, pipeline)
            if generation.index != live.index and generation.meta.keep_until and generation.meta.keep_until <= now
        ]
        for index in due:
            remove_generation(clients, index)
        return due


def _keep(clients: Clients, pipeline: Pipeline, replaced: str | None, keep: timedelta) -> None:
    """Write down, before it happens, that a generation is replaced; a live one that is marked so is never retired."""
    if replaced is None or replaced == pipeline.alias:
        return
    try:
        generation = read_generation(clients.elasticsearch, replaced)
    except FormatMismatch as mismatch:
        log.warning(
            "%s There is no way back to it; remove it with the DAG connectors, action remove_orphans.", mismatch
        )
        return
    now = datetime.now(UTC)
    generation.remember(clients.elasticsearch, replaced_at=now, keep_until=now + keep)
