"""The sweep: documents that PostgreSQL lacks, after a backfill, which writes and never deletes (rule 10)."""

from collections.abc import Sequence

from pg2es.core.config import Pipeline
from pg2es.core.errors import DocumentsRejected
from pg2es.services.clients import Clients
from pg2es.services.drift import list_differing
from pg2es.services.generations import Generation
from pg2es.services.refresh import Refresher, Target, scheduler
from pg2es.services.tables import read_tables

AT_ONCE = 500


def sweep(clients: Clients, pipeline: Pipeline, generation: Generation) -> int:
    """Refresh every searchable document that PostgreSQL seems to lack, and return how many there were.

    The refresh decides: what PostgreSQL lacks is deleted, what came meanwhile is written.
    """
    swept = 0
    source = clients.project.source_of(pipeline)
    with clients.session(source) as reading, clients.session(source) as refreshing:
        sql = read_tables(reading, generation.made_from(pipeline)).sql
        target = Target(generation.index, generation.meta, sql)
        schedule = scheduler(clients, pipeline, generation.index)
        refresher = Refresher(refreshing, clients.elasticsearch, target, schedule)
        extra: list[str] = []
        differing = list_differing(clients, reading, sql, generation.index)
        for expected, stored in differing.documents:
            extra.extend(stored.keys() - expected.keys() - differing.unreadable.keys())
            if len(extra) >= AT_ONCE:
                swept += _refresh(refresher, extra)
                extra = []
        return swept + _refresh(refresher, extra)


def _refresh(refresher: Refresher, ids: Sequence[str]) -> int:
    outcome = refresher.refresh_ids(ids)
    if outcome.rejected:
        raise DocumentsRejected(f"Elasticsearch refuses {outcome.rejected[0]}")
    return len(ids)
