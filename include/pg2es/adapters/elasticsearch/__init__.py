"""Elasticsearch: the client, bulk requests judged item by item, indices, and reading many documents.

`client` translates errors and sends; `indices` has aliases, settings and `_meta`; `documents` reads pages of documents,
upon which `digests` and `altered` build; `tombstones` tells what is remembered of deletes; `cluster` has the figures of
nodes and shards.
"""

from pg2es.adapters.elasticsearch import cluster, indices
from pg2es.adapters.elasticsearch.altered import find_altered
from pg2es.adapters.elasticsearch.client import (
    BulkOutcome,
    Client,
    ElasticsearchAccess,
    Rejection,
    post_raw,
    send_bulk,
    translate_errors,
    url_of_cloud,
)
from pg2es.adapters.elasticsearch.cluster import read_cluster, read_version
from pg2es.adapters.elasticsearch.digests import count_unmarked, scan_digests, sum_digests
from pg2es.adapters.elasticsearch.documents import Versioned, fetch_documents, scan_by_bucket
from pg2es.adapters.elasticsearch.tombstones import probe_tombstones

__all__ = [
    "BulkOutcome",
    "Client",
    "ElasticsearchAccess",
    "Rejection",
    "Versioned",
    "cluster",
    "count_unmarked",
    "fetch_documents",
    "find_altered",
    "indices",
    "post_raw",
    "probe_tombstones",
    "read_cluster",
    "read_version",
    "scan_by_bucket",
    "scan_digests",
    "send_bulk",
    "sum_digests",
    "translate_errors",
    "url_of_cloud",
]
