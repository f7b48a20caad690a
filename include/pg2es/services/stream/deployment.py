"""The deployment of a source: its connector and the sinks of all its generations, brought about and removed."""

import logging

from pg2es.core.config import Pipeline, Source
from pg2es.core.errors import PermanentError
from pg2es.core.generations import sink_connector
from pg2es.services.clients import Clients
from pg2es.services.generations import Generation, list_generations, live_generation
from pg2es.services.locks import locked_source
from pg2es.services.stream.connector import remove_connector
from pg2es.services.stream.finding import find_connectors
from pg2es.services.stream.replication import drop_slot_and_publication
from pg2es.services.stream.sink import ensure_sink
from pg2es.services.stream.source import ensure_source

log = logging.getLogger(__name__)


def deploy(clients: Clients, source: Source, pipelines: list[Pipeline] | None = None) -> list[str]:
    """Deploy the source's connector and the sinks of all generations that serve or are kept; return their names.

    `pipelines`: those whose sinks are meant, by default all of the source.
    """
    with locked_source(clients, source):
        ensure_source(clients, source)
        deployed = [source.connector]
        for pipeline in clients.project.pipelines_of(source) if pipelines is None else pipelines:
            live = live_generation(clients.elasticsearch, pipeline)
            if live is None:
                log.info("Pipeline %s has no generation yet: its backfill will make one, and its sink", pipeline.name)
            else:
                ensure_sink(clients, pipeline, live)
                deployed.append(sink_connector(live.index))
            for generation in kept_generations(clients, pipeline, live):
                deployed += _deploy_kept(clients, pipeline, generation)
        return deployed


def kept_generations(clients: Clients, pipeline: Pipeline, live: Generation | None) -> list[Generation]:
    """Return the generations that are kept for a rollback."""
    found = list_generations(clients.elasticsearch, pipeline)
    serving = live.index if live else None
    return [generation for generation in found if generation.meta.keep_until and generation.index != serving]


def remove_source(clients: Clients, source: Source) -> list[str]:
    """Remove the source's connector, its sinks, the slot and the publication; indices stay. Return what was removed.

    A publication that somebody else has made stays, too.
    Raises ConfigError when pipelines of it are set aside: their sinks would stay.
    """
    clients.project.check_whole(source)
    with locked_source(clients, source):
        removed = sorted(find_connectors(clients, source, None), key=lambda name: name == source.connector)
        for name in removed:
            remove_connector(clients, name)
        with clients.session(source) as session:
            return removed + drop_slot_and_publication(session, source)


def _deploy_kept(clients: Clients, pipeline: Pipeline, generation: Generation) -> list[str]:
    """Deploy the sink of a generation that is kept for a rollback; what it needs may be gone, which harms nobody."""
    try:
        ensure_sink(clients, pipeline, generation)
    except PermanentError as error:
        log.warning("%s is not fed any more, so there is no way back to it: %s", generation.index, error)
        return []
    return [sink_connector(generation.index)]
