"""What was checked before a pipeline was deployed, asked again: migrations and administrators change it later.

Catalogs and plans of statements are read, no rows, so each look of the monitor can ask, and each plan.
"""

from collections.abc import Iterator

from pg2es.adapters.elasticsearch import indices
from pg2es.adapters.postgres import Session, translate_sql_errors
from pg2es.core.config import Pipeline, Source
from pg2es.core.errors import CatalogError, PermanentError
from pg2es.core.generations import Difference, Plan, Verdict
from pg2es.core.preflight import Finding, Severity, error
from pg2es.core.stream import captured_tables
from pg2es.services.clients import Clients
from pg2es.services.generations import make_plan
from pg2es.services.preflight import document, lookups, tables
from pg2es.services.preflight.places import pipeline_file
from pg2es.services.preflight.source import check_stream


def find_errors(session: Session, source: Source, pipeline: Pipeline) -> list[Finding]:
    """Return what keeps a pipeline from working, or lets changes be missed, by tables, rights and statements."""
    found: list[Finding] = []
    try:
        with translate_sql_errors(pipeline.name):
            found.extend(_check(session, source, pipeline))
    except PermanentError as problem:
        found.append(error(pipeline_file(pipeline), str(problem)))
    return [finding for finding in found if finding.severity is Severity.ERROR]


def watch(session: Session, source: Source, pipeline: Pipeline) -> list[Finding]:
    """Return what of a pipeline that is streamed is no longer as it was when it was deployed."""
    return [*check_stream(session, source, pipeline.tables), *find_errors(session, source, pipeline)]


def plan(clients: Clients, pipeline: Pipeline, *, tries: bool = True) -> Plan:
    """Return what the pipeline needs, as `make_plan` does; broken, with a difference for each error that is found."""
    source = clients.project.source_of(pipeline)
    with clients.session(source) as session:
        errors = find_errors(session, source, pipeline)
    if not errors:
        return make_plan(clients, pipeline, tries=tries)
    broken = tuple(Difference("tables and rights", None, None, Verdict.BROKEN, str(found)) for found in errors)
    return Plan(pipeline.name, indices.live_generation(clients.elasticsearch, pipeline.alias), None, broken)


def require_sound(clients: Clients, source: Source, pipelines: list[Pipeline]) -> None:
    """Raise CatalogError with what is wrong with these pipelines of a source."""
    with clients.session(source) as session:
        errors = [str(found) for pipeline in pipelines for found in find_errors(session, source, pipeline)]
    if errors:
        raise CatalogError(" ".join(errors))


def _check(session: Session, source: Source, pipeline: Pipeline) -> Iterator[Finding]:
    found = yield from tables.check(session, pipeline)
    if found:
        captured_tables(source, [(found.pipeline, found.sql, found.related)])  # raises for what no event can tell
        yield from document.check_columns(session, found)
        yield from lookups.check(session, found)
