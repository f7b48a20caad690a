"""Digests of stored documents: sums for each bucket, and one for each document of some buckets."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from pg2es.adapters.elasticsearch.client import Client, post_raw
from pg2es.adapters.elasticsearch.documents import in_buckets, scan
from pg2es.core.drift import BROKEN, Digest, Sums
from pg2es.core.errors import ElasticsearchUnavailable
from pg2es.core.sql import BUCKETS

BUCKETS_AT_ONCE = 8_192
"""Of one request: Elasticsearch answers 65,536 at most (search.max_buckets), and takes as many terms."""

PAGE = 10_000

_UNMARKED = {"bool": {"must_not": in_buckets(0, BUCKETS)}}


class _Sum(msgspec.Struct):
    value: float


class _Bucket(msgspec.Struct):
    key: float
    doc_count: int
    d0: _Sum
    d1: _Sum


class _Histogram(msgspec.Struct):
    buckets: list[_Bucket]


class _Aggregations(msgspec.Struct):
    buckets: _Histogram


class _Answer(msgspec.Struct):
    timed_out: bool
    aggregations: _Aggregations


class _Count(msgspec.Struct):
    count: int


def sum_digests(client: Client, index: str) -> dict[int, Sums]:
    """Return the sums of each bucket that has searchable documents."""
    found: dict[int, Sums] = {}
    for first in range(0, BUCKETS, BUCKETS_AT_ONCE):
        page = _sum_range(client, index, first, first + BUCKETS_AT_ONCE)
        found |= {int(b.key): Sums(b.doc_count, int(b.d0.value), int(b.d1.value)) for b in page}
    return found


def count_unmarked(client: Client, index: str) -> int:
    """Return how many searchable documents are in no bucket: somebody else wrote them, or took their mark away."""
    answer = post_raw(client, f"/{index}/_count", {"query": _UNMARKED}, f"counting {index}")
    return msgspec.json.decode(answer, type=_Count).count


def scan_digests(client: Client, index: str, buckets: Sequence[int]) -> Iterator[tuple[int | None, str, Digest]]:
    """Give `(bucket, id, digest)` of the documents of some buckets, given in order, then of those without a mark."""
    for start in range(0, len(buckets), BUCKETS_AT_ONCE):
        yield from _scan(client, index, {"terms": {"_pg2es.bucket": buckets[start : start + BUCKETS_AT_ONCE]}})
    yield from _scan(client, index, _UNMARKED)


def _sum_range(client: Client, index: str, first: int, end: int) -> list[_Bucket]:
    search = {
        "size": 0,
        "track_total_hits": False,
        "query": in_buckets(first, end),
        "aggs": {
            "buckets": {
                "histogram": {
                    "field": "_pg2es.bucket",
                    "interval": 1,
                    "min_doc_count": 1,
                    "hard_bounds": {"min": first, "max": end - 1},
                },
                "aggs": {half: {"sum": {"field": f"_pg2es.{half}"}} for half in ("d0", "d1")},
            }
        },
    }
    doing = f"summing digests of {index}"
    answer = post_raw(client, f"/{index}/_search", search, doing, allow_partial_search_results="false")
    found = msgspec.json.decode(answer, type=_Answer)
    if found.timed_out:
        raise ElasticsearchUnavailable(f"Elasticsearch answered only a part of {doing}")
    return found.aggregations.buckets.buckets


def _scan(client: Client, index: str, query: dict[str, Any]) -> Iterator[tuple[int | None, str, Digest]]:
    halves = ["_pg2es.d0", "_pg2es.d1"]
    for hit in scan(client, index, PAGE, query=query, _source=False, docvalue_fields=halves):
        match [hit.fields.get(half) for half in halves]:
            case [[d0], [d1]]:
                yield hit.bucket, hit.id, (d0, d1)
            case _:
                yield hit.bucket, hit.id, BROKEN
