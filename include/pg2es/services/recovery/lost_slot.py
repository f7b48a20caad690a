"""Recovery of a source whose slot was lost, or whose database is another: its stream begins anew.

    stop_streams ──▶ renew_slot ──▶ renew_positions ──▶ start_streams ──▶ comparison, backfill of each pipeline
    gap in _meta,    new slot,      ends of topics,      connectors run    gap is closed
    adoption         new LSN        new start fence

After an adoption the slot is kept, if the new primary has it: the source goes back to what it has confirmed, so that
nobody who reads the topics misses a change of the new timeline.

Each step may be killed and run again. The gap is written down first and taken away by the backfill alone, so the
monitor never falls silent in between. A generation that is kept for a rollback, or that a reindex left unfinished, has
the same gap and no backfill would close it: it is removed.
"""

import logging

from pg2es.core.config import Pipeline, Source
from pg2es.services import preflight
from pg2es.services.clients import Clients
from pg2es.services.generations import list_generations, live_generation
from pg2es.services.locks import locked_source
from pg2es.services.recovery.adoption import adopt, check_not_left_behind
from pg2es.services.recovery.stream_checks import LATE_S
from pg2es.services.refresh import DEADLINE_S
from pg2es.services.stream import (
    deploy,
    find_connectors,
    remove_generation,
    renew_fence,
    renew_sink,
    renew_source,
    rewind_source,
    stop_connectors,
)

log = logging.getLogger(__name__)

SETTLED_S = DEADLINE_S + LATE_S
"""After so long nothing is on its way any more that was read before the connectors were stopped."""


def stop_streams(clients: Clients, source: Source) -> bool:
    """Write down the gap of each live generation, remove the others, and stop all connectors of the source.

    Returns whether the generations adopted another database. Raises ConfigError when pipelines of the source are set
    aside: the gap of their generations would be known to nobody; CatalogError when no backfill could close the gaps;
    IdentityMismatch for an old primary. Nothing is changed then.
    """
    clients.project.check_whole(source)
    with locked_source(clients, source):
        check_not_left_behind(clients, source)
        pipelines = clients.project.pipelines_of(source)
        served = [pipeline for pipeline in pipelines if live_generation(clients.elasticsearch, pipeline)]
        preflight.require_sound(clients, source, served)
        for pipeline in pipelines:
            live = live_generation(clients.elasticsearch, pipeline)
            for generation in list_generations(clients.elasticsearch, pipeline):
                if live and generation.index == live.index:
                    live.note_gap(clients.elasticsearch)
                else:
                    log.warning("%s misses changes and is not live: it is removed", generation.index)
                    remove_generation(clients, generation.index)
        stop_connectors(clients, *find_connectors(clients, source, None))
        return adopt(clients, source)


def renew_slot(clients: Clients, source: Source, *, keep: bool = False) -> bool:
    """Make the slot anew and let the stopped source begin there; return whether it is the old one nevertheless.

    `keep`: not if it can be used, whereupon the source goes back to what the slot has confirmed.
    """
    with locked_source(clients, source):
        kept = keep and rewind_source(clients, source)
        if not kept:
            renew_source(clients, source)
        return kept


def renew_positions(clients: Clients, source: Source, *, keep: bool = False) -> None:
    """Let the stopped sink of each live generation begin at the end of its topics, behind a new start fence.

    `keep`: where it is, as the slot was kept.
    """
    with locked_source(clients, source):
        for pipeline in clients.project.pipelines_of(source):
            if live := live_generation(clients.elasticsearch, pipeline):
                if keep:
                    renew_fence(clients, source, live)
                else:
                    renew_sink(clients, pipeline, live)


def start_streams(clients: Clients, source: Source) -> list[str]:
    """Start the connectors and return the pipelines that need a backfill now."""
    with locked_source(clients, source):
        deploy(clients, source)
    return [
        pipeline.name
        for pipeline in clients.project.pipelines_of(source)
        if live_generation(clients.elasticsearch, pipeline)
    ]


def recover_source(clients: Clients, source: Source) -> tuple[list[str], bool]:
    """Let the streams of a source begin anew; return the pipelines to compare, and whether another database is adopted.

    If so they are compared once more, after `SETTLED_S`.
    """
    with locked_source(clients, source):
        adopted = stop_streams(clients, source)
        kept = renew_slot(clients, source, keep=adopted)
        renew_positions(clients, source, keep=kept)
        return start_streams(clients, source), adopted


def reset_source(clients: Clients, source: Source) -> list[str]:
    """Let the streams of a source begin anew and return the pipelines that need a backfill now."""
    with locked_source(clients, source):
        stop_streams(clients, source)
        renew_slot(clients, source)
        renew_positions(clients, source)
        return start_streams(clients, source)


def reset_pipeline(clients: Clients, pipeline: Pipeline) -> list[str]:
    """Let the stream of a pipeline's live generation begin at the end of its topics; return what needs a backfill."""
    source = clients.project.source_of(pipeline)
    with locked_source(clients, source):
        live = live_generation(clients.elasticsearch, pipeline)
        if live is None:
            return []
        renew_sink(clients, pipeline, live)
        deploy(clients, source, [pipeline])
        return [pipeline.name]
