"""Versions of documents that are not there: what Elasticsearch remembers of a delete.

No request asks for them, but a delete with a version that is too low is refused with the one it stands against. Version
1 is below every LSN, so such a delete changes nothing; where nothing is remembered, it leaves that 1 behind.
"""

import re
from collections.abc import Sequence

import orjson

from pg2es.adapters.elasticsearch.client import BULK_TIMEOUT, Client, post_raw
from pg2es.core.errors import ElasticsearchUnavailable

_CURRENT = re.compile(r"current version \[(\d+)\]")


def probe_tombstones(client: Client, index: str, ids: Sequence[str]) -> dict[str, int]:
    """Return the versions that Elasticsearch remembers for these ids, be the document deleted or there.

    It writes: a delete for each id, that changes no document.

    Raises ElasticsearchUnavailable when it cannot tell now.
    """
    actions = [{"delete": {"_id": identifier, "version": 1, "version_type": "external"}} for identifier in ids]
    lines = b"".join(orjson.dumps(action) + b"\n" for action in actions)
    doing = f"asking {index} for deleted documents"
    answer = post_raw(client, f"/{index}/_bulk", lines, doing, "application/x-ndjson", timeout=BULK_TIMEOUT)
    found = {}
    for item in orjson.loads(answer)["items"]:
        result = item["delete"]
        if result["status"] == 404 and "error" not in result:
            continue
        reason = result.get("error", {}).get("reason", "")
        current = _CURRENT.search(reason)
        if result["status"] != 409 or current is None:
            raise ElasticsearchUnavailable(f"Elasticsearch does not tell, {doing}: {result['status']} {reason}")
        found[result["_id"]] = int(current[1])
    return found
