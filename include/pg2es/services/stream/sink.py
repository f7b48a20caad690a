"""The sink of a generation: its connector, its positions behind a start fence, and its end.

A sink's position comes before the start fence, and the fence before the first write.
"""

import logging

from pg2es.adapters import kafka
from pg2es.adapters.elasticsearch import indices
from pg2es.adapters.postgres import Session
from pg2es.core.config import Pipeline, Source
from pg2es.core.errors import GenerationError
from pg2es.core.generations import sink_connector
from pg2es.core.stream import Config, SinkTarget, elasticsearch_login, sink_config, topics_of
from pg2es.services.clients import Clients
from pg2es.services.generations import Generation, note_histories, read_generation
from pg2es.services.locks import locked_source
from pg2es.services.stream import positions
from pg2es.services.stream.connector import (
    OnStop,
    create_stopped,
    ensure_stopped,
    remove_connector,
    say_nothing,
    start_connector,
    stop_connectors,
    wait_until_running,
)
from pg2es.services.stream.fence import take_fence
from pg2es.services.tables import read_tables

log = logging.getLogger(__name__)


def ensure_sink(
    clients: Clients,
    pipeline: Pipeline,
    generation: Generation,
    *,
    mend: bool = False,
    anew: bool = False,
    on_stop: OnStop = say_nothing,
) -> Generation:
    """Bring the sink of a generation to what it was made from, and return the generation with its start fence.

    A generation without a fence has no stream yet: its sink is made STOPPED, the fence is taken, its offsets are set to
    the end of the topics, and only then it runs. So it is with topics that the sink did not read before. A sink that is
    gone is made again while its position is there. When that is gone as well, the generation has missed changes: with
    `anew` its stream begins anew, for a backfill that reads every row; else GenerationError is raised. `mend` and
    `on_stop` as for `ensure_source`.
    """
    source = clients.project.source_of(pipeline)
    name = sink_connector(generation.index)
    with locked_source(clients, source):
        generation = note_histories(clients.elasticsearch, read_generation(clients.elasticsearch, generation.index))
        with clients.session(source) as session:
            config = _read_wanted(clients, session, source, pipeline, generation)
            begins = clients.connect.config(name) is None
            if generation.meta.fence and begins and not positions.sink_positions(clients, generation.index):
                if not anew:
                    raise GenerationError(
                        f"The sink {name} is gone with its position, so its index misses changes. If it is the live "
                        f"generation, run the DAG backfill_{pipeline.name}: it makes the sink anew and reads every row "
                        f"again."
                    )
                # Written down first: a run that is killed now has begun no stream.
                generation = generation.remember(clients.elasticsearch, fence=None)
            if generation.meta.fence is None:
                return _begin_stream(clients, session, generation, config)
            if begins:
                log.warning("Sink %s is gone: it is made again and goes on where it ended", name)
                create_stopped(clients, name, config)
            ids = kafka.topic_ids(clients.kafka, topics_of(config))
            remade = positions.remade_topics(generation, ids)
            if added := positions.missing_positions(clients, generation.index, config, remade):
                on_stop()
                generation = _add_positions(clients, session, generation, added)
                begins = True
            if remade:  # its producer may wait for partitions that the old topic had, for ever
                clients.connect.restart(source.connector, only_failed=False)
            generation = positions.note_topics(clients, generation, ids)
        start_connector(clients, name, config, mend=mend, begins=begins, on_stop=on_stop)
        return generation


def renew_sink(clients: Clients, pipeline: Pipeline, generation: Generation) -> Generation:
    """Let the stream of a generation begin at the end of its topics, behind a new fence; its sink stays stopped."""
    source = clients.project.source_of(pipeline)
    with locked_source(clients, source):
        generation = read_generation(clients.elasticsearch, generation.index)
        with clients.session(source) as session:
            config = _read_wanted(clients, session, source, pipeline, generation)
            ensure_stopped(clients, sink_connector(generation.index), config)
            ids = kafka.topic_ids(clients.kafka, topics_of(config))
            ends = kafka.end_offsets(clients.kafka, topics_of(config))
            begun = positions.begin_sink(clients, session, generation, ends, gap=True)
            return positions.note_topics(clients, begun, ids)


def renew_fence(clients: Clients, source: Source, generation: Generation) -> None:
    """Take a new fence for a generation whose sink is stopped and goes on where it was; what it missed is a gap."""
    with clients.session(source) as session:
        generation.note_gap(clients.elasticsearch, fence=take_fence(session))


def remove_generation(clients: Clients, index: str) -> None:
    """Remove a generation: its sink first, so that nothing writes to an index that is gone. Under the source's lock."""
    name = sink_connector(index)
    if clients.connect.config(name) is not None:
        remove_connector(clients, name)
    log.info("Removing index %s", index)
    indices.remove_index(clients.elasticsearch, index)


def _read_wanted(
    clients: Clients, session: Session, source: Source, pipeline: Pipeline, generation: Generation
) -> Config:
    """Return the configuration that a generation's sink should have, by what the generation was made from."""
    tables = read_tables(session, generation.made_from(pipeline))
    platform = clients.project.platform
    access = clients.postgres_of_connectors(source)
    elasticsearch = clients.elasticsearch_access("sink_")
    target = SinkTarget(
        postgres_url=access.jdbc_url,
        postgres_user=access.user,
        postgres_password=source.postgres.password,
        elasticsearch_urls=elasticsearch.urls,
        elasticsearch_login=elasticsearch_login(platform.elasticsearch, elasticsearch.user),
        ca_certificate=elasticsearch.ca_certificate and clients.on_workers(elasticsearch.ca_certificate),
        client_certificate=elasticsearch.client_certificate and clients.on_workers(elasticsearch.client_certificate),
        kafka_bootstrap=clients.kafka_access.bootstrap,
    )
    return sink_config(
        tables.pipeline, source, platform, generation.index, tables.sql, tables.related, target,
        session.info.server_version,
    )  # fmt: skip


def _begin_stream(clients: Clients, session: Session, generation: Generation, config: Config) -> Generation:
    name = sink_connector(generation.index)
    if clients.connect.config(name) is not None:  # of a run that was killed before the fence: nothing was written
        remove_connector(clients, name)
    create_stopped(clients, name, config)
    ids = kafka.topic_ids(clients.kafka, topics_of(config))
    ends = kafka.end_offsets(clients.kafka, topics_of(config))
    fenced = positions.begin_sink(clients, session, generation, ends, gap=generation.meta.filled)
    fenced = positions.note_topics(clients, fenced, ids)
    clients.connect.resume(name)
    wait_until_running(clients, name)
    return fenced


def _add_positions(
    clients: Clients, session: Session, generation: Generation, added: dict[kafka.Partition, int]
) -> Generation:
    """Give a sink, which stays stopped then, its positions in topics or partitions that it did not read so far.

    A topic that has grown leaves a gap, its new partitions may hold changes already; so does one that was made anew.
    """
    name = sink_connector(generation.index)
    log.warning(
        "Sink %s reads %s from now on; what changed there before comes into the index by a backfill",
        name,
        ", ".join(f"{topic}-{number}" for topic, number in sorted(added)),
    )
    stop_connectors(clients, name)
    read = {topic for topic, _ in positions.sink_positions(clients, generation.index)} | {*generation.meta.topics}
    return positions.begin_sink(clients, session, generation, added, gap=any(topic in read for topic, _ in added))
