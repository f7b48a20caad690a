"""Reports: one document in the index `pg2es-reports` for each run of a batch job."""

from datetime import UTC, datetime
from typing import Any

from elasticsearch import BadRequestError, Elasticsearch

from pg2es.adapters.elasticsearch import translate_errors

INDEX = "pg2es-reports"

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


def write_report(client: Elasticsearch, kind: str, pipeline: str, text: str, details: dict[str, Any]) -> None:
    """Write a report: `kind` of the job, a sentence for people, and its figures (kept, not searchable)."""
    report = {"at": datetime.now(UTC).isoformat(), "kind": kind, "pipeline": pipeline, "text": text, "details": details}
    with translate_errors(f"writing the report of {pipeline}"):
        if not client.indices.exists(index=INDEX):
            try:
                client.indices.create(index=INDEX, **_BODY)
            except BadRequestError as error:
                if error.error != "resource_already_exists_exception":  # another run was faster
                    raise
        client.index(index=INDEX, document=report)
