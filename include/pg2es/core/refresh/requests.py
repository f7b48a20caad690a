"""Requests in the refresh topics: `{"keys": [["17"], …]}` or `{"all": true}`, for one `index` or for all.

The sink reads and writes them in Java; this writes the same, and reads one once more when its dead letter is replayed.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from pg2es.core.batches import in_batches
from pg2es.core.errors import UnreadableRecord

PAGE = 500
"""Keys in one record."""

Key = tuple[str, ...]
"""The values of the key columns as texts, in key order."""


def ask_for_keys(keys: Iterable[Key], index: str | None = None) -> Iterator[dict[str, Any]]:
    """Give the requests for some roots, page by page; of one generation, by default of each."""
    for page in in_batches(keys, PAGE):
        yield {"keys": [list(key) for key in page], **_only(index)}


def ask_for_all(index: str | None = None) -> dict[str, Any]:
    """Return the request for every root and every document."""
    return {"all": True, **_only(index)}


def parse_keys(request: bytes | None, columns: int) -> list[Key]:
    """Return the keys that a request is for; UnreadableRecord when it names none, or none of so many columns."""
    try:
        content = json.loads(request or b"null")
    except ValueError as error:
        raise UnreadableRecord(f"it is not JSON ({error})") from None
    if isinstance(content, dict) and content.get("all") is True:
        raise UnreadableRecord("it asks for all documents; run the pipeline's backfill")
    keys = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(keys, list) or not all(isinstance(key, list) and len(key) == columns for key in keys):
        raise UnreadableRecord(f'it has no "keys" of {columns} columns each')
    return [tuple(str(column) for column in key) for key in keys]


def _only(index: str | None) -> dict[str, str]:
    return {"index": index} if index else {}
