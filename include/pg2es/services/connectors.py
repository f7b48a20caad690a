"""From the files to running connectors: publication, slot, topics, the Debezium source, one sink for each generation.

Order matters: the publication before the slot (Debezium needs it at the slot's position), the slot before the source,
the source before a sink, a sink's position before the start fence, the fence before the first write.
"""

import logging
from datetime import UTC, datetime
from typing import Any

from pg2es.adapters import indices, kafka
from pg2es.adapters.postgres import Session, read_identity
from pg2es.core import connectors as render
from pg2es.core.config_diff import describe_changes
from pg2es.core.errors import CatalogError, ConnectorError, ConnectUnavailable, GenerationError, PermanentError
from pg2es.core.files import resolve_fields
from pg2es.core.generation import is_sink_of, sink_connector
from pg2es.core.pipeline import Pipeline
from pg2es.core.source import Source
from pg2es.services import positions
from pg2es.services.clients import Clients, PipelineTables, read_tables
from pg2es.services.generations import Generation, list_generations, live_generation
from pg2es.services.locks import locked_source
from pg2es.services.replication import (
    create_slot,
    drop_slot,
    drop_slot_and_publication,
    ensure_publication,
    ensure_slot,
    find_unpublished,
)
from pg2es.services.waiting import wait_for

log = logging.getLogger(__name__)

RETENTION_MS = 7 * 24 * 3600 * 1000
"""How long topics keep events: so long may a sink be away. A sink that comes later fails; it does not skip.

Dead letters are kept until they are resolved.
"""


def ensure_source(clients: Clients, source: Source, *, mend: bool = False) -> None:
    """Bring publication, slot, topics and the Debezium connector of a source to what the files say, and start it.

    `mend`: what has failed or was stopped is left to the caller; only what is missing or changes is started. Raises
    ConnectorError when Connect refuses the configuration or the connector fails, SlotLost when changes are lost to the
    stream: only a recovery brings them.
    """
    with clients.session(source) as session:
        captured = _prepare_publication(clients, session, source)
        slot = ensure_slot(session, source, is_streamed=lambda: positions.is_streamed(clients, source))
    config = _source_config(clients, source, captured)
    name = source.connector
    current = clients.connect.config(name)
    if current is None:
        log.info("Creating connector %s: %s", name, render.masked(config))
        positions.create_stopped(clients, name, config)
    if not slot.created:
        positions.check_source_position(clients, source, slot)
    if _is_stopped(clients, name):
        positions.begin_source(clients, source, slot)
    _deploy(clients, name, config, mend=mend, begins=current is None)


def renew_source(clients: Clients, source: Source) -> None:
    """Let the stream of a source begin now: a new slot, and its connector, which stays stopped, at the new position.

    What changed before is lost to the stream.
    """
    with clients.session(source) as session:
        captured = _prepare_publication(clients, session, source)
        if clients.connect.config(source.connector) is None:
            positions.create_stopped(clients, source.connector, _source_config(clients, source, captured))
        else:
            positions.stop(clients, source.connector)
        drop_slot(session, source)
        slot = create_slot(session, source)
    positions.begin_source(clients, source, slot)


def ensure_sink(clients: Clients, pipeline: Pipeline, generation: Generation, *, mend: bool = False) -> Generation:
    """Bring the sink of a generation to what it was made from, and return the generation with its start fence.

    A generation without a fence has no stream yet: its sink is made STOPPED, the fence is taken, its offsets are set to
    the end of the topics, and only then it runs. So it is with topics that the sink did not read before. A sink that is
    gone is made again while its position is there. Raises GenerationError when that is gone as well: it missed changes,
    so the generation must be backfilled (`restart_stream` first). `mend` as for `ensure_source`.
    """
    source = clients.project.source_of(pipeline)
    name = sink_connector(generation.index)
    with clients.session(source) as session:
        config = _sink_config(clients, source, pipeline, generation, session)
        if generation.meta.fence is None:
            return _start_stream(clients, session, generation, config)
        begins = clients.connect.config(name) is None
        if begins:
            if not positions.sink_positions(clients, generation.index):
                raise GenerationError(
                    f"The sink {name} is gone with its position, so its index misses changes. If it is the live "
                    f"generation, run the DAG backfill_{pipeline.name}: it makes the sink anew and reads every row "
                    f"again."
                )
            log.warning("Sink %s is gone: it is made again and goes on where it ended", name)
            positions.create_stopped(clients, name, config)
        if added := positions.missing_positions(clients, generation.index, config):
            generation = _add_positions(clients, session, generation, added)
            begins = True
    _deploy(clients, name, config, mend=mend, begins=begins)
    return generation


def renew_sink(clients: Clients, pipeline: Pipeline, generation: Generation) -> Generation:
    """Let the stream of a generation begin at the end of its topics, behind a new fence; its sink stays stopped."""
    source = clients.project.source_of(pipeline)
    name = sink_connector(generation.index)
    with clients.session(source) as session:
        config = _sink_config(clients, source, pipeline, generation, session)
        if clients.connect.config(name) is None:
            positions.create_stopped(clients, name, config)
        else:
            positions.stop(clients, name)
        ends = kafka.end_offsets(clients.kafka, positions.topics_of(config))
        return positions.begin_sink(clients, session, generation, ends, gap=True)


def restart_stream(clients: Clients, generation: Generation) -> Generation:
    """Forget the stream position of a generation whose sink is gone with it, so that `ensure_sink` begins a new one."""
    if clients.connect.config(sink_connector(generation.index)) or positions.sink_positions(clients, generation.index):
        return generation
    return generation.remember(clients.elasticsearch, fence=None)


def deploy(clients: Clients, source: Source, pipelines: list[Pipeline] | None = None) -> list[str]:
    """Deploy the source's connector and the sinks of all generations that serve or are kept; return their names.

    `pipelines`: those whose sinks are meant, by default all of the source.
    """
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
    return [generation for generation in found if generation.meta.keep_until and generation != live]


def _deploy_kept(clients: Clients, pipeline: Pipeline, generation: Generation) -> list[str]:
    """Deploy the sink of a generation that is kept for a rollback; what it needs may be gone, which harms nobody."""
    try:
        ensure_sink(clients, pipeline, generation)
    except PermanentError as error:
        log.warning("%s is not fed any more, so there is no way back to it: %s", generation.index, error)
        return []
    return [sink_connector(generation.index)]


def remove_generation(clients: Clients, index: str) -> None:
    """Remove a generation: its sink first, so that nothing writes to an index that is gone."""
    name = sink_connector(index)
    if clients.connect.config(name) is not None:
        remove_connector(clients, name)
    log.info("Removing index %s", index)
    indices.remove_index(clients.elasticsearch, index)


def remove(clients: Clients, source: Source) -> list[str]:
    """Remove the source's connector, its sinks, the slot and the publication; indices stay. Return what was removed."""
    with locked_source(clients, source):
        return _remove(clients, source)


def _remove(clients: Clients, source: Source) -> list[str]:
    aliases = [pipeline.alias for pipeline in clients.project.pipelines_of(source)]
    existing = sorted(clients.connect.list_connectors())
    # By name, not by index: a sink whose index is gone goes as well.
    removed = [name for name in existing if any(is_sink_of(alias, name) for alias in aliases)]
    removed += [name for name in existing if name == source.connector]
    for name in removed:
        remove_connector(clients, name)
    with clients.session(source) as session:
        drop_slot_and_publication(session, source)
    return removed


def remove_connector(clients: Clients, name: str) -> None:
    """Remove a connector with its offsets, so that one of the same name does not begin where this one ended."""
    positions.stop(clients, name)
    clients.connect.reset_offsets(name)
    clients.connect.remove(name)
    wait_for(
        lambda: clients.connect.config(name) is None,
        timeout_s=positions.RUNNING_TIMEOUT_S,
        on_timeout=lambda: ConnectUnavailable(f"Connector {name} is not gone after {positions.RUNNING_TIMEOUT_S} s."),
    )


def _prepare_publication(clients: Clients, session: Session, source: Source) -> list[render.Captured]:
    """Return the tables that the source captures, once publication and topics are there for them.

    A table that a generation is fed from and the publication lacked leaves a gap in that generation, which is written
    down before the table is added: nobody would know any more.
    """
    pipelines = clients.project.pipelines_of(source)
    if not pipelines:
        raise ConnectorError(f"No pipeline reads source {source.name}; write one in pipelines/ first.")
    read_identity(session)
    tables = [read_tables(session, pipeline) for pipeline in pipelines]
    tables += _tables_of_generations(clients, session, pipelines)
    captured = render.captured_tables([(t.pipeline, t.sql, t.related) for t in tables])
    names = [entry.table.name for entry in captured]
    missing = find_unpublished(session, source, names)
    for pipeline in pipelines if missing else []:
        live = live_generation(clients.elasticsearch, pipeline)
        if live and live.meta.fence and {*missing} & {*live.made_from(pipeline).tables}:
            log.warning("Publication %s lacks tables of %s, which misses changes", source.publication, live.index)
            live.remember(clients.elasticsearch, gap=datetime.now(UTC))
    ensure_publication(session, source, names)
    _ensure_topics(clients, source, names, pipelines)
    return captured


def _tables_of_generations(clients: Clients, session: Session, pipelines: list[Pipeline]) -> list[PipelineTables]:
    """Return what the generations that exist were made from, as far as it is still there: they are fed, too."""
    found = []
    for pipeline in pipelines:
        for generation in list_generations(clients.elasticsearch, pipeline):
            try:
                tables = read_tables(session, generation.made_from(pipeline))
                render.captured_tables([(tables.pipeline, tables.sql, tables.related)])
            except CatalogError as error:
                log.warning("Generation %s can no longer be fed: %s", generation.index, error)
            else:
                found.append(tables)
    return found


def _deploy(clients: Clients, name: str, config: render.Config, *, mend: bool, begins: bool) -> None:
    """Give a connector its configuration and start it; one that `begins` was stopped, or made, by ourselves."""
    if changes := describe_changes(clients.connect.config(name) or {}, config):
        clients.connect.validate(name, config)
        log.info("Changing connector %s:\n%s", name, "\n".join(changes))
        # Tasks of the old configuration end first: nothing that follows may count on what they still send.
        positions.stop(clients, name)
        clients.connect.update(name, config)
    status = clients.connect.status(name)
    if changes or begins or (not mend and status and status.state in ("STOPPED", "PAUSED")):
        clients.connect.resume(name)
    elif status and status.failed:
        if mend:
            return
        clients.connect.restart(name)
    positions.wait_until_running(clients, name)


def _is_stopped(clients: Clients, name: str) -> bool:
    status = clients.connect.status(name)
    return status is not None and status.state == "STOPPED"


def _start_stream(clients: Clients, session: Session, generation: Generation, config: render.Config) -> Generation:
    name = sink_connector(generation.index)
    if clients.connect.config(name) is not None:  # of a run that was killed before the fence: nothing was written
        remove_connector(clients, name)
    positions.create_stopped(clients, name, config)
    ends = kafka.end_offsets(clients.kafka, positions.topics_of(config))
    fenced = positions.begin_sink(clients, session, generation, ends, gap=generation.meta.filled)
    clients.connect.resume(name)
    positions.wait_until_running(clients, name)
    return fenced


def _add_positions(
    clients: Clients, session: Session, generation: Generation, added: dict[kafka.Partition, int]
) -> Generation:
    """Give a sink, which stays stopped then, its positions in topics or partitions that it did not read so far.

    A topic that has grown leaves a gap: its new partitions may hold changes already.
    """
    name = sink_connector(generation.index)
    log.warning(
        "Sink %s reads %s from now on; what changed there before comes into the index by a backfill",
        name,
        ", ".join(f"{topic}-{number}" for topic, number in sorted(added)),
    )
    positions.stop(clients, name)
    read = {topic for topic, _ in positions.sink_positions(clients, generation.index)}
    return positions.begin_sink(clients, session, generation, added, gap=any(topic in read for topic, _ in added))


def _ensure_topics(clients: Clients, source: Source, tables: list[str], pipelines: list[Pipeline]) -> None:
    topics = {source.topic_of(table): source.topic_partitions for table in tables}
    topics |= {
        topic: source.topic_partitions for pipeline in pipelines for topic in source.refresh_topics(pipeline.name)
    }
    topics |= {source.message_topic: 1, source.dead_letter_topic: 1, f"__debezium-heartbeat.{source.topic_prefix}": 1}
    created = kafka.ensure_topics(
        clients.kafka, topics, clients.project.platform.kafka.replication_factor, RETENTION_MS
    )
    if created:
        log.info("Created topics %s", ", ".join(created))
    # Also one that an earlier version or Kafka Connect made: a dead letter stays until it is resolved.
    kafka.keep_forever(clients.kafka, source.dead_letter_topic)


def _sink_config(
    clients: Clients, source: Source, pipeline: Pipeline, generation: Generation, session: Session
) -> render.Config:
    tables = read_tables(session, generation.made_from(pipeline))
    platform = clients.project.platform
    access = clients.postgres(source)
    elasticsearch = resolve_fields(platform.elasticsearch, clients.project.platform_file, "elasticsearch.")
    target = render.SinkTarget(
        postgres_url=access.jdbc_url,
        postgres_user=access.user,
        postgres_password=source.postgres.password,
        elasticsearch_urls=elasticsearch["urls"],
        elasticsearch_user=elasticsearch["sink_user"],
        elasticsearch_password=platform.elasticsearch.sink_password,
        ca_certificate=elasticsearch["ca_certificate"],
        kafka_bootstrap=clients.kafka_access.bootstrap,
    )
    return render.sink_config(
        tables.pipeline, source, platform, generation.index, tables.sql, tables.related, target,
        session.info.server_version,
    )  # fmt: skip


def _source_config(clients: Clients, source: Source, captured: list[render.Captured]) -> render.Config:
    return render.source_config(source, captured, _resolved_postgres(clients, source))


def _resolved_postgres(clients: Clients, source: Source) -> dict[str, Any]:
    access = clients.postgres(source)
    return {
        "host": access.host,
        "port": str(access.port),
        "database": access.database,
        "user": access.user,
        "sslmode": access.sslmode,
    }
