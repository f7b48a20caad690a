"""How large the two sides of each pipeline are, cheaply: documents are counted, rows estimated."""

import logging
from collections.abc import Mapping

import psycopg

from pg2es.adapters.elasticsearch import indices
from pg2es.adapters.postgres import translate_errors
from pg2es.core.config import Source
from pg2es.core.errors import Pg2esError
from pg2es.core.monitoring import Size
from pg2es.core.sql import monitor as sql
from pg2es.core.sql import quote_table
from pg2es.services.clients import Clients

log = logging.getLogger(__name__)


def read_sizes(clients: Clients, live: Mapping[str, str]) -> dict[str, Size]:
    """Return the size of each pipeline; `live` has the live generations. What cannot be seen is None, and logged.

    One request for all indices, one statement for each source.
    """
    documents: dict[str, int] = {}
    try:
        documents = indices.count_by_index(clients.elasticsearch, sorted(live.values()))
    except Pg2esError as error:
        log.warning("Documents were not counted: %s", error)
    rows: dict[str, int | None] = {}
    for source in clients.project.sources.values():
        rows |= estimate_rows(clients, source)
    return {
        name: Size(documents=documents.get(live[name]) if name in live else None, rows=rows.get(name))
        for name in clients.project.pipelines
    }


def estimate_rows(clients: Clients, source: Source) -> dict[str, int | None]:
    """Return how many rows the table of each pipeline of a source has, as ANALYZE left it; None: nobody knows yet."""
    pipelines = clients.project.pipelines_of(source)
    tables = sorted({quote_table(pipeline.table) for pipeline in pipelines})
    try:
        with clients.session(source) as session, translate_errors(f"Source {source.name}"):
            session.execute(sql.CAREFUL)
            found: dict[str, int | None] = dict(session.execute(sql.ESTIMATED_ROWS, [tables]).fetchall())
    except (Pg2esError, psycopg.Error) as error:
        log.warning("Rows of source %s were not estimated: %s", source.name, error)
        return {}
    return {pipeline.name: found.get(quote_table(pipeline.table)) for pipeline in pipelines}
