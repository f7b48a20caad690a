"""Stored documents that somebody else changed: their bytes are not those that their mark tells.

Slices of one point in time are read side by side, in the order in which they are stored, which is the cheapest one. A
document is only hashed, never parsed.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pg2es.adapters.elasticsearch.client import Client
from pg2es.adapters.elasticsearch.documents import PAGE, in_buckets, open_point_in_time, read_pages
from pg2es.core.drift import is_intact
from pg2es.core.sql import BUCKETS

SLICES = 2


@dataclass
class Altered:
    """How many documents were read, and the ids of those that are not as their marks tell."""

    documents: int
    ids: list[str]


def find_altered(client: Client, index: str, part: int, parts: int) -> Altered:
    """Read the searchable documents of one part, of so many, of the buckets; those in no bucket are not read."""
    query = in_buckets(part * BUCKETS // parts, (part + 1) * BUCKETS // parts) if parts > 1 else {"match_all": {}}
    with open_point_in_time(client, index) as pit, ThreadPoolExecutor(SLICES) as pool:

        def read(number: int) -> Altered:
            search = {
                "query": query,
                "size": PAGE,
                "pit": pit,
                "slice": {"id": number, "max": SLICES},
                "sort": ["_shard_doc"],
            }
            found = Altered(0, [])
            for page in read_pages(client, index, search):
                found.documents += len(page)
                found.ids += [hit.id for hit in page if not is_intact(bytes(hit.source))]
            return found

        slices = list(pool.map(read, range(SLICES)))
    return Altered(sum(one.documents for one in slices), [identifier for one in slices for identifier in one.ids])
