"""Recovery of a source whose slot was lost: its stream begins anew, and backfills bring what it missed.

    stop_streams ──▶ renew_slot ──▶ renew_positions ──▶ start_streams ──▶ backfill, reconcile of each pipeline
    gap in _meta     new slot,      ends of topics,      connectors run    gap is closed
                     new LSN        new start fence

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
from pg2es.services.stream import (
    deploy,
    find_connectors,
    remove_generation,
    renew_sink,
    renew_source,
    stop_connectors,
)

log = logging.getLogger(__name__)


def stop_streams(clients: Clients, source: Source) -> None:
    """Write down the gap of each live generation, remove the others, and stop all connectors of the source.

    Raises ConfigError when pipelines of it are set aside: the gap of their generations would be known to nobody; and
    CatalogError when no backfill could close the gaps. Nothing is changed then.
    """
    clients.project.check_whole(source)
    with locked_source(clients, source):
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


def renew_slot(clients: Clients, source: Source) -> None:
    """Make the slot anew and let the stopped source begin there."""
    with locked_source(clients, source):
        renew_source(clients, source)


def renew_positions(clients: Clients, source: Source) -> None:
    """Let the stopped sink of each live generation begin at the end of its topics, behind a new start fence."""
    with locked_source(clients, source):
        for pipeline in clients.project.pipelines_of(source):
            if live := live_generation(clients.elasticsearch, pipeline):
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
