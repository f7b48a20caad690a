"""The source of a stream: publication, topics, slot and the Debezium connector, as files and generations ask for.

    wanted: tables, configuration ──▶ publication ──▶ topics ──▶ slot ──▶ connector ──▶ its position ──▶ it runs

Order matters: Debezium needs the publication at the slot's position, and its connector needs the slot.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from pg2es.adapters.postgres import Session, read_identity
from pg2es.core.config import Pipeline, Source
from pg2es.core.errors import CatalogError, ConnectorError, GenerationError, SlotLost
from pg2es.core.recovery import OwnerMark
from pg2es.core.stream import Config, captured_tables, masked, source_config, with_all_captured
from pg2es.core.table import Table
from pg2es.services.clients import Clients
from pg2es.services.generations import Generation, list_generations, live_generation, read_generation
from pg2es.services.locks import locked_source
from pg2es.services.stream import positions
from pg2es.services.stream.connector import (
    OnStop,
    create_stopped,
    ensure_stopped,
    is_stopped,
    say_nothing,
    start_connector,
)
from pg2es.services.stream.finding import find_fed_indices
from pg2es.services.stream.replication import (
    Publication,
    check_owner,
    check_publishable,
    create_slot,
    drop_slot,
    ensure_publication,
    ensure_slot,
    read_installation,
    read_publication,
    unpublished,
)
from pg2es.services.stream.topics import ensure_topics
from pg2es.services.tables import PipelineTables, read_tables

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Wanted:
    """What is asked of a source: the tables that it captures, and its connector's configuration.

    `published` is the publication as it is.
    """

    tables: list[str]
    config: Config
    published: Publication | None


def ensure_source(
    clients: Clients,
    source: Source,
    needed: Pipeline | None = None,
    *,
    mend: bool = False,
    on_stop: OnStop = say_nothing,
) -> None:
    """Bring publication, slot, topics and the Debezium connector of a source to what the files say, and start it.

    A pipeline that has no index yet and whose tables cannot be streamed is left out and holds up no other one;
    CatalogError if it is the one that is `needed`, or has an index, which would miss changes. `mend`: what has failed
    or was stopped is left to the caller; only what is missing or changes is started; `on_stop` is called before the
    connector is stopped for a change. Raises ConnectorError when Connect refuses the configuration or the connector
    fails, SlotLost when changes are lost to the stream: only a recovery brings them.
    """
    name = source.connector
    mark = _mark(clients, source)
    is_streamed = partial(positions.is_streamed, clients, source)
    with locked_source(clients, source):
        with clients.session(source) as session:
            check_owner(session, source, mark, is_streamed=is_streamed)
            wanted = _read_wanted(clients, session, source, needed)
            begins = clients.connect.config(name) is None
            if begins:  # what is refused leaves no slot behind, for which PostgreSQL would keep WAL
                clients.connect.validate(name, wanted.config)
            _publish(clients, session, source, wanted, mark)
            slot = ensure_slot(session, source, is_streamed=is_streamed)
        if begins:
            log.info("Creating connector %s: %s", name, masked(wanted.config))
            create_stopped(clients, name, wanted.config)
        if not slot.created:
            positions.check_source_position(clients, source, slot)
        if is_stopped(clients, name):
            positions.begin_source(clients, source, slot)
        start_connector(clients, name, wanted.config, mend=mend, begins=begins, on_stop=on_stop)


def renew_source(clients: Clients, source: Source) -> None:
    """Let the stream of a source begin now: a new slot, and its connector, which stays stopped, at the new position.

    What changed before is lost to the stream.
    """
    with locked_source(clients, source):
        with clients.session(source) as session:
            wanted = _read_wanted(clients, session, source)
            _publish(clients, session, source, wanted, _mark(clients, source))
            ensure_stopped(clients, source.connector, wanted.config)
            drop_slot(session, source)
            slot = create_slot(session, source)
        positions.begin_source(clients, source, slot)


def rewind_source(clients: Clients, source: Source) -> bool:
    """Let the stopped source go on from what its slot has confirmed; False when the slot cannot be used.

    An offset of a timeline that was left may be beyond that, and PostgreSQL would skip what is in between.
    """
    name = source.connector
    with locked_source(clients, source):
        with clients.session(source) as session:
            wanted = _read_wanted(clients, session, source)
            _publish(clients, session, source, wanted, _mark(clients, source))
            ensure_stopped(clients, name, wanted.config)
            try:
                slot = ensure_slot(session, source, is_streamed=lambda: True)
                positions.check_source_position(clients, source, slot)
            except SlotLost as error:
                log.warning("%s", error)
                return False
        clients.connect.reset_offsets(name)
        positions.begin_source(clients, source, slot)
        return True


def _read_wanted(clients: Clients, session: Session, source: Source, needed: Pipeline | None = None) -> _Wanted:
    """Return what the pipelines of a source ask for, and the generations that exist: they are fed, too."""
    pipelines = clients.project.pipelines_of(source)
    aside = clients.project.aside_of(source)
    if not pipelines and not aside:
        raise ConnectorError(f"No pipeline reads source {source.name}; write one in pipelines/ first.")
    read_identity(session)
    published = read_publication(session, source.publication)

    known: dict[str, Table] = {}

    def read(pipeline: Pipeline) -> PipelineTables:
        tables = read_tables(session, pipeline, known)
        check_publishable(session, source.publication, published, pipeline.tables)
        captured_tables(source, [(tables.pipeline, tables.sql, tables.related)])
        return tables

    tables = [
        *_tables_of_pipelines(clients, pipelines, needed, read),
        *_tables_of_generations(clients, pipelines, read),
    ]
    if not tables and published is None:
        clients.project.check_whole(source)
    if not tables and not aside:
        raise CatalogError(
            f"No pipeline of source {source.name} can be streamed; `pg2es validate --connect` says why, and what to do."
        )
    captured = captured_tables(source, [(t.pipeline, t.sql, t.related) for t in tables])
    access = clients.postgres_of_connectors(source)
    resolved = {
        "host": access.host,
        "port": str(access.port),
        "database": access.database,
        "user": access.user,
        "sslmode": access.sslmode,
        **access.certificates,
    }
    config = _with_what_is_aside(clients, source, source_config(source, captured, resolved))
    return _Wanted([entry.table.name for entry in captured], config, published)


def _with_what_is_aside(clients: Clients, source: Source, config: Config) -> Config:
    """Return the configuration that goes on capturing what a pipeline needs whose file cannot be used now.

    Raises ConfigError when there is no connector that would tell what that is.
    """
    if not clients.project.aside_of(source):
        return config
    current = clients.connect.config(source.connector)
    if current is None:
        clients.project.check_whole(source)
    return with_all_captured(config, current or {})


def _tables_of_pipelines(
    clients: Clients, pipelines: list[Pipeline], needed: Pipeline | None, read: Callable[[Pipeline], PipelineTables]
) -> Iterator[PipelineTables]:
    """Give what the pipelines ask for, as far as it can be streamed."""
    for pipeline in pipelines:
        try:
            tables = read(pipeline)
        except CatalogError as error:
            if (needed and needed.name == pipeline.name) or live_generation(clients.elasticsearch, pipeline):
                raise
            log.warning("Pipeline %s is left out of source %s: %s", pipeline.name, pipeline.source, error)
        else:
            yield tables


def _tables_of_generations(
    clients: Clients, pipelines: list[Pipeline], read: Callable[[Pipeline], PipelineTables]
) -> Iterator[PipelineTables]:
    """Give what the generations that exist were made from, as far as it is still there."""
    for pipeline in pipelines:
        for generation in list_generations(clients.elasticsearch, pipeline):
            try:
                tables = read(generation.made_from(pipeline))
            except CatalogError as error:
                log.warning("Generation %s can no longer be fed: %s", generation.index, error)
            else:
                yield tables


def _mark(clients: Clients, source: Source) -> OwnerMark:
    """Return what shows that a publication is ours, and for which slot."""
    return OwnerMark(read_installation(clients), source.slot)


def _publish(clients: Clients, session: Session, source: Source, wanted: _Wanted, mark: OwnerMark) -> None:
    """See to it that publication and topics are there for the wanted tables.

    A table that a generation is fed from and the publication lacked leaves a gap in that generation, which is written
    down before the table is added: nobody would know any more.
    """
    missing = unpublished(wanted.published, wanted.tables)
    for generation in _list_fed(clients, source) if missing else []:
        if {*missing} & {*generation.meta.recipe.tables}:
            log.warning("Publication %s lacks tables of %s, which misses changes", source.publication, generation.index)
            generation.note_gap(clients.elasticsearch)
    ensure_publication(session, source.publication, wanted.published, wanted.tables, mark)
    ensure_topics(clients, source, wanted.tables)


def _list_fed(clients: Clients, source: Source) -> Iterator[Generation]:
    """Give the generations that have a stream, those of pipelines that are set aside as far as there are sinks."""
    found = {
        generation.index: generation
        for pipeline in clients.project.pipelines_of(source)
        for generation in list_generations(clients.elasticsearch, pipeline)
    }
    for index in find_fed_indices(clients, source):
        if index not in found:
            with suppress(GenerationError):  # its index is gone
                found[index] = read_generation(clients.elasticsearch, index)
    return (generation for generation in found.values() if generation.meta.fence)
