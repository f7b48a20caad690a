"""What pg2es is about when a fault strikes."""

from collections.abc import Callable
from dataclasses import dataclass

from pg2es.adapters import kafka
from pg2es.adapters.elasticsearch import indices
from tests.faults.world import PIPELINE, World

Amid = Callable[[World], bool]

COPIED = 1_000
"""Documents that a copy has written when it is under way."""


def _copies(world: World) -> Amid:
    """Return whether the live index gets more than the stream's few documents."""
    index = world.live.index
    before = indices.count_written(world.clients.elasticsearch, index)
    return lambda world: indices.count_written(world.clients.elasticsearch, index) > before + COPIED


def _fills(world: World) -> Amid:
    """Return whether there is a generation after the live one, with documents in it."""
    live = world.live.index

    def is_amid(world: World) -> bool:
        client = world.clients.elasticsearch
        found = [index for index in indices.list_indices(client, world.pipeline.alias) if index > live]
        return any(indices.count_written(client, index) > COPIED for index in found)

    return is_amid


def _reads(_: World) -> Amid:
    """Return whether documents are compared."""
    query = (
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'pg2es'"
        " AND state = 'active' AND query LIKE '%sha256%' AND pid <> pg_backend_pid()"
    )
    return lambda world: bool(world.database.fetch(query))


def _spreads(world: World) -> Amid:
    """Rename every author at once, and return whether the sink has begun to spread it."""
    topic = world.source.refresh_topic(PIPELINE)
    before = sum(kafka.end_offsets(world.clients.kafka, [topic]).values())
    world.database.execute("UPDATE public.authors SET name = name || '.'")
    return lambda world: sum(kafka.end_offsets(world.clients.kafka, [topic]).values()) > before


@dataclass(frozen=True)
class Phase:
    """A command that runs, and when it is amid its work: `begin` is called before it starts."""

    name: str
    command: tuple[str, ...] = ()
    begin: Callable[[World], Amid] = lambda _: lambda _: True


PHASES = {
    phase.name: phase
    for phase in (
        Phase("streaming"),
        Phase("spread", begin=_spreads),
        Phase("backfill", ("backfill", PIPELINE), _copies),
        Phase("reindex", ("reindex", PIPELINE, "--force", "--yes", "--keep-old-for", "0"), _fills),
        Phase("reconcile", ("reconcile", PIPELINE, "--deep", "all"), _reads),
    )
}

JOBS = tuple(phase.name for phase in PHASES.values() if phase.command)
STREAM = tuple(phase.name for phase in PHASES.values() if not phase.command)
"""Phases in which nothing but the stream is at work."""
