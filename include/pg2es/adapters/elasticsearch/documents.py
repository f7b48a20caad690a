"""Stored documents, read as the bytes that Elasticsearch keeps."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec

from pg2es.adapters.elasticsearch.client import Client, post_raw, translate_errors
from pg2es.core.errors import ElasticsearchUnavailable

PAGE = 1_000
KEEP_ALIVE = "5m"


class Stored(NamedTuple):
    """A document as it is stored: its id, its bucket (None where the mark is gone), and its bytes."""

    bucket: int | None
    id: str
    source: bytes


class Versioned(NamedTuple):
    """A document as it is stored: its version and its bytes."""

    version: int
    source: bytes


class Hit(msgspec.Struct):
    """One document of an answer."""

    id: str = msgspec.field(name="_id")
    source: msgspec.Raw = msgspec.field(name="_source", default=msgspec.Raw(b"{}"))
    fields: dict[str, list[int]] = {}
    sort: list[int] = []
    found: bool = True
    version: int = msgspec.field(name="_version", default=0)

    @property
    def bucket(self) -> int | None:
        """The bucket that a scan sorted it by."""
        return None if self.sort[0] == _NO_BUCKET else self.sort[0]


class _Hits(msgspec.Struct):
    hits: list[Hit]


class _Page(msgspec.Struct):
    hits: _Hits
    timed_out: bool = False


class _Docs(msgspec.Struct):
    docs: list[Hit]


_NO_BUCKET = 2**63 - 1  # Elasticsearch's sort value for a document that lacks the field


def scan_by_bucket(client: Client, index: str) -> Iterator[Stored]:
    """Give every searchable document, ordered by bucket; those without one come last."""
    for hit in scan(client, index, PAGE):
        yield Stored(hit.bucket, hit.id, bytes(hit.source))


def scan(client: Client, index: str, page_size: int, **search: object) -> Iterator[Hit]:
    """Give every hit of a search, ordered by bucket; those without one come last."""
    by_bucket = [{"_pg2es.bucket": {"order": "asc", "missing": "_last"}}]
    with open_point_in_time(client, index) as pit:
        for page in read_pages(client, index, {**search, "size": page_size, "pit": pit, "sort": by_bucket}):
            yield from page


@contextmanager
def open_point_in_time(client: Client, index: str) -> Iterator[dict[str, str]]:
    """Give the `pit` of searches that all see the same documents."""
    with translate_errors(f"reading {index}"):
        pit = {"id": client.open_point_in_time(index=index, keep_alive=KEEP_ALIVE).body["id"]}
    try:
        yield {**pit, "keep_alive": KEEP_ALIVE}
    finally:
        with translate_errors(f"closing the search of {index}"):
            client.close_point_in_time(**pit)


def read_pages(client: Client, index: str, search: dict[str, Any]) -> Iterator[list[Hit]]:
    """Give the hits of a sorted search at a point in time, page by page."""
    after: list[int] | None = None
    while True:
        request = {**search, "track_total_hits": False, **({"search_after": after} if after else {})}
        answer = post_raw(client, "/_search", request, f"reading {index}", allow_partial_search_results="false")
        page = msgspec.json.decode(answer, type=_Page)
        if page.timed_out:
            raise ElasticsearchUnavailable(f"Elasticsearch answered only a part of a search in {index}")
        hits = page.hits.hits
        yield hits
        if len(hits) < search["size"]:
            return
        after = hits[-1].sort


def in_buckets(first: int, end: int) -> dict[str, Any]:
    """Return the query for the documents of a half-open range of buckets."""
    return {"range": {"_pg2es.bucket": {"gte": first, "lt": end}}}


def fetch_documents(client: Client, index: str, ids: Sequence[str]) -> dict[str, Versioned]:
    """Return these documents as they are now (realtime); those that do not exist are left out."""
    answer = post_raw(client, f"/{index}/_mget", {"ids": list(ids)}, f"reading documents of {index}")
    hits = msgspec.json.decode(answer, type=_Docs).docs
    return {hit.id: Versioned(hit.version, bytes(hit.source)) for hit in hits if hit.found}
