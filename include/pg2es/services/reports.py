"""Reports: one document in the index `pg2es-reports` for each run of a batch job."""

from datetime import UTC, datetime
from typing import Any

from elasticsearch import Elasticsearch

from pg2es.adapters.elasticsearch import indices, translate_errors
from pg2es.core.reports import REPORTS_INDEX, ReportKind

MAX_PIPELINES = 10_000

_BODY: dict[str, Any] = {
    "settings": {"index.number_of_shards": 1, "index.auto_expand_replicas": "0-1"},
    "mappings": {
        "dynamic_templates": [{"texts": {"match_mapping_type": "string", "mapping": {"type": "keyword"}}}],
        "properties": {
            "at": {"type": "date"},
            "text": {"type": "text"},
            "details": {"type": "object", "enabled": False},
        },
    },
}


def write_report(
    client: Elasticsearch, kind: ReportKind, about: str, text: str, details: dict[str, Any], outcome: str | None = None
) -> None:
    """Write a report `about` a pipeline or a source.

    `text` is a sentence for people, `details` are the figures (kept, not searchable).
    """
    report = {
        "at": datetime.now(UTC).isoformat(),
        "kind": kind,
        "pipeline": about,
        "outcome": outcome,
        "text": text,
        "details": details,
    }
    indices.ensure_index(client, REPORTS_INDEX, _BODY)
    with translate_errors(f"writing the report of {about}"):
        client.index(index=REPORTS_INDEX, document=report, refresh=True)


def read_reports(
    client: Elasticsearch, *, kind: str | None = None, pipeline: str | None = None, limit: int
) -> list[dict[str, Any]]:
    """Return the newest reports, the newest first: of a kind of job, about a pipeline, or any."""
    terms = [{"term": {name: value}} for name, value in (("kind", kind), ("pipeline", pipeline)) if value]
    with translate_errors("reading the reports"):
        found = client.search(
            index=REPORTS_INDEX,
            query={"bool": {"filter": terms}},
            sort=[{"at": "desc"}],
            size=limit,
            ignore_unavailable=True,
            allow_no_indices=True,
        )
    return [dict(hit["_source"]) for hit in found["hits"]["hits"]]


def read_last_report(client: Elasticsearch, kind: ReportKind, pipeline: str) -> dict[str, Any] | None:
    """Return the newest report of a kind about a pipeline, None when there is none."""
    return next(iter(read_reports(client, kind=kind, pipeline=pipeline, limit=1)), None)


def read_last_reports(client: Elasticsearch, kinds: list[ReportKind]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the newest report of each pipeline and kind, by these, of its details the counts; in one request."""
    source = ["at", "outcome", "text", "details.counts"]
    newest = {"top_hits": {"size": 1, "sort": [{"at": "desc"}], "_source": source}}
    by_kind = {"terms": {"field": "kind", "size": len(kinds)}, "aggs": {"newest": newest}}
    with translate_errors("reading the reports"):
        found = client.search(
            index=REPORTS_INDEX,
            size=0,
            query={"terms": {"kind": kinds}},
            aggs={"pipelines": {"terms": {"field": "pipeline", "size": MAX_PIPELINES}, "aggs": {"kinds": by_kind}}},
            ignore_unavailable=True,
            allow_no_indices=True,
        )
    return {
        pipeline["key"]: {
            kind["key"]: dict(kind["newest"]["hits"]["hits"][0]["_source"]) for kind in pipeline["kinds"]["buckets"]
        }
        for pipeline in found.get("aggregations", {}).get("pipelines", {}).get("buckets", ())
    }
