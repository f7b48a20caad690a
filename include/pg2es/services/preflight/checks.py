"""All checks of the preflight, in the order in which one needs what another has found."""

import logging
from collections.abc import Iterator

from pg2es.core.config import Pipeline, Source
from pg2es.core.errors import Pg2esError
from pg2es.core.preflight import Finding, error
from pg2es.core.stream import captured_tables
from pg2es.services.clients import Clients
from pg2es.services.preflight import document, index, lookups, platform, source, tables
from pg2es.services.preflight.places import pipeline_file, source_file

log = logging.getLogger(__name__)


def run(clients: Clients, pipelines: list[Pipeline]) -> Iterator[Finding]:
    """Give what is wrong or noteworthy with these pipelines, their sources and the servers."""
    log.info("Checking Elasticsearch, Kafka and Kafka Connect")
    yield from platform.check(clients)
    for name in sorted({pipeline.source for pipeline in pipelines}):
        used = clients.project.source(name)
        readers = [pipeline for pipeline in pipelines if pipeline.source == name]
        try:
            yield from _check_source(clients, used, readers)
        except Pg2esError as problem:
            yield error(source_file(used), str(problem))


def _check_source(clients: Clients, used: Source, pipelines: list[Pipeline]) -> Iterator[Finding]:
    log.info("Checking source %s", used.name)
    with clients.session(used) as session:
        yield from source.check_server(session, used)
        captured: set[str] = set()
        for pipeline in pipelines:
            log.info("Checking pipeline %s", pipeline.name)
            captured.update(pipeline.tables)
            found = yield from tables.check(session, pipeline)
            if found is None:
                continue
            try:
                captured_tables(used, [(found.pipeline, found.sql, found.related)])  # raises for what no event can tell
                checked = yield from document.check(session, found)
                yield from lookups.check(session, found)
                if checked:
                    yield from index.check(clients.elasticsearch, pipeline, checked)
            except Pg2esError as problem:
                yield error(pipeline_file(pipeline), str(problem))
        yield from source.check_publication(session, used, sorted(captured))
