"""From the files to running connectors: publication, slot, topics, the Debezium source, one sink for each generation.

Order matters: the publication before the slot (Debezium needs it at the slot's position), the slot before the source,
the source before a sink, a sink's position before the start fence, the fence before the first write.
"""

import logging
from typing import Any

from pg2es.adapters import indices, kafka
from pg2es.adapters.postgres import Session, read_identity
from pg2es.core import connectors as render
from pg2es.core.errors import CatalogError, ConnectorError, ConnectUnavailable, GenerationError, PermanentError
from pg2es.core.files import resolve_fields
from pg2es.core.generation import is_sink_of, sink_connector
from pg2es.core.pipeline import Pipeline
from pg2es.core.source import Source
from pg2es.services.clients import Clients, PipelineTables, read_tables
from pg2es.services.fence import take_fence
from pg2es.services.generations import Generation, list_generations, live_generation
from pg2es.services.replication import drop_slot_and_publication, ensure_publication, ensure_slot
from pg2es.services.waiting import wait_for

log = logging.getLogger(__name__)

RUNNING_TIMEOUT_S = 120
RETENTION_MS = 7 * 24 * 3600 * 1000
"""How long topics keep events: so long may a sink be away. A sink that comes later fails; it does not skip.

Dead letters are kept until they are resolved.
"""


def ensure_source(clients: Clients, source: Source) -> None:
    """Bring publication, slot, topics and the Debezium connector of a source to what the files say.

    Raises ConnectorError when Connect refuses the configuration, the connector fails, or the slot is gone while the
    connector exists: changes since then are lost to the stream, and only a backfill brings them.
    """
    pipelines = clients.project.pipelines_of(source)
    if not pipelines:
        raise ConnectorError(f"No pipeline reads source {source.name}; write one in pipelines/ first.")
    with clients.session(source) as session:
        read_identity(session)
        tables = [read_tables(session, pipeline) for pipeline in pipelines]
        tables += _tables_of_generations(clients, session, pipelines)
        captured = render.captured_tables([(t.pipeline, t.sql, t.related) for t in tables])
        ensure_publication(session, source, [entry.table.name for entry in captured])
        exists = clients.connect.config(source.connector) is not None
        ensure_slot(session, source, connector_exists=exists)
    _ensure_topics(clients, source, [entry.table.name for entry in captured], pipelines)
    config = render.source_config(source, captured, _resolved_postgres(clients, source))
    _deploy(clients, source.connector, config)


def ensure_sink(clients: Clients, pipeline: Pipeline, generation: Generation) -> Generation:
    """Bring the sink of a generation to what it was made from, and return the generation with its start fence.

    A generation without a fence has no stream yet: its sink is made STOPPED, the fence is taken, its offsets are set to
    the end of the topics, and only then it runs. So it is with topics that the sink did not read before. Raises
    GenerationError when a generation had a sink that is gone:
    it missed changes, so the generation must be backfilled (`restart_stream` first).
    """
    source = clients.project.source_of(pipeline)
    name = sink_connector(generation.index)
    with clients.session(source) as session:
        config = _sink_config(clients, source, pipeline, generation, session)
        clients.connect.validate(name, config)
        if generation.meta.fence is None:
            return _start_stream(clients, session, generation, config)
        if clients.connect.config(name) is None:
            raise GenerationError(
                f"The sink {name} is gone, so its index misses changes. If it is the live generation, run the DAG "
                f"backfill_{pipeline.name}: it makes the sink anew and reads every row again."
            )
        generation = _add_positions(clients, session, generation, config)
    _deploy(clients, name, config)
    return generation


def restart_stream(clients: Clients, generation: Generation) -> Generation:
    """Forget the stream position of a generation whose sink is gone, so that `ensure_sink` begins a new one."""
    if clients.connect.config(sink_connector(generation.index)) is not None:
        return generation
    return generation.remember(clients.elasticsearch, fence=None)


def deploy(clients: Clients, source: Source) -> list[str]:
    """Deploy the source's connector and the sinks of all generations that serve or are kept; return their names."""
    ensure_source(clients, source)
    deployed = [source.connector]
    for pipeline in clients.project.pipelines_of(source):
        live = live_generation(clients.elasticsearch, pipeline)
        if live is None:
            log.info("Pipeline %s has no generation yet: its backfill will make one, and its sink", pipeline.name)
        else:
            ensure_sink(clients, pipeline, live)
            deployed.append(sink_connector(live.index))
        for generation in list_generations(clients.elasticsearch, pipeline):
            if generation.meta.keep_until and generation != live:
                deployed += _deploy_kept(clients, pipeline, generation)
    return deployed


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
    clients.connect.stop(name)
    _wait_for_state(clients, name, "STOPPED")
    clients.connect.reset_offsets(name)
    clients.connect.remove(name)
    wait_for(
        lambda: clients.connect.config(name) is None,
        timeout_s=RUNNING_TIMEOUT_S,
        on_timeout=lambda: ConnectUnavailable(f"Connector {name} is not gone after {RUNNING_TIMEOUT_S} s."),
    )


def wait_until_running(clients: Clients, name: str) -> None:
    """Wait until a connector and its tasks run; ConnectorError with the cause when one fails."""

    def running() -> bool:
        status = clients.connect.status(name)
        if status and status.failed:
            raise ConnectorError(f"Connector {name} has failed: {'; '.join(status.trace)}")
        return status is not None and status.running

    wait_for(
        running,
        timeout_s=RUNNING_TIMEOUT_S,
        on_timeout=lambda: ConnectUnavailable(
            f"Connector {name} does not run after {RUNNING_TIMEOUT_S} s: {clients.connect.status(name)}"
        ),
    )


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


def _deploy(clients: Clients, name: str, config: render.Config) -> None:
    current = clients.connect.config(name)
    if current is None or {**current, "name": name} != {**config, "name": name}:
        clients.connect.validate(name, config)
        log.info("%s connector %s: %s", "Changing" if current else "Creating", name, render.masked(config))
        if current:
            # Tasks of the old configuration end first: nothing that follows may count on what they still send.
            clients.connect.stop(name)
            _wait_for_state(clients, name, "STOPPED")
        clients.connect.update(name, config)
    status = clients.connect.status(name)
    if status and status.state in ("STOPPED", "PAUSED"):
        clients.connect.resume(name)
    elif status and status.failed:
        clients.connect.restart(name)
    wait_until_running(clients, name)


def _start_stream(clients: Clients, session: Session, generation: Generation, config: render.Config) -> Generation:
    name = sink_connector(generation.index)
    if clients.connect.config(name) is not None:  # of a run that was killed before the fence: nothing was written
        remove_connector(clients, name)
    clients.connect.create(name, config, initial_state="STOPPED")
    _wait_for_state(clients, name, "STOPPED")
    fenced = _fix_positions(clients, session, generation, kafka.end_offsets(clients.kafka, _topics(config)))
    clients.connect.resume(name)
    wait_until_running(clients, name)
    return fenced


def _add_positions(clients: Clients, session: Session, generation: Generation, config: render.Config) -> Generation:
    """Give a sink, which stays stopped then, its positions in topics or partitions that it did not read so far."""
    name = sink_connector(generation.index)
    known = kafka.committed_offsets(clients.kafka, f"connect-{name}")
    ends = kafka.end_offsets(clients.kafka, _topics(config))
    added = {partition: end for partition, end in ends.items() if partition not in known}
    if not added:
        return generation
    log.warning(
        "Sink %s reads %s from now on; what changed there before comes into the index by a backfill",
        name,
        ", ".join(sorted({topic for topic, _ in added})),
    )
    clients.connect.stop(name)
    _wait_for_state(clients, name, "STOPPED")
    return _fix_positions(clients, session, generation, added)


def _fix_positions(
    clients: Clients, session: Session, generation: Generation, ends: dict[kafka.Partition, int]
) -> Generation:
    """Take the start fence, now that the positions are known, and set a stopped sink's offsets to them.

    In this order: a run that is killed in between leaves positions that are missing, and the next one sees that.
    """
    fenced = generation.remember(clients.elasticsearch, fence=take_fence(session))
    clients.connect.alter_offsets(sink_connector(generation.index), render.start_offsets(ends))
    return fenced


def _topics(config: render.Config) -> list[str]:
    return config["topics"].split(",")


def _wait_for_state(clients: Clients, name: str, state: str) -> None:
    def reached() -> bool:
        status = clients.connect.status(name)
        return status is not None and status.state == state and not status.tasks

    wait_for(
        reached,
        timeout_s=RUNNING_TIMEOUT_S,
        on_timeout=lambda: ConnectUnavailable(f"Connector {name} is not {state} after {RUNNING_TIMEOUT_S} s."),
    )


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


def _resolved_postgres(clients: Clients, source: Source) -> dict[str, Any]:
    access = clients.postgres(source)
    return {
        "host": access.host,
        "port": str(access.port),
        "database": access.database,
        "user": access.user,
        "sslmode": access.sslmode,
    }
