"""The Elasticsearch cluster: health, nodes, and counters of what it wrote and refused."""

import time
from collections.abc import Sequence
from typing import Any

from pg2es.adapters.elasticsearch.client import Client, translate_errors
from pg2es.core.monitoring import Cluster, Counters, Node

TIMEOUT_S = 10

_METRICS = ("jvm", "fs", "thread_pool", "indexing_pressure")
_NODE = (
    "nodes.*.name,nodes.*.jvm.mem.heap_used_percent,nodes.*.fs.data.available_in_bytes,"
    "nodes.*.fs.data.low_watermark_free_space_in_bytes,nodes.*.thread_pool.write.rejected,"
    "nodes.*.indexing_pressure.memory.total.*_rejections"
)
_WRITES = "indices.*.primaries.indexing.index_total,indices.*.primaries.indexing.index_time_in_millis"


def read_cluster(client: Client, aliases: Sequence[str]) -> tuple[Cluster, Counters]:
    """Return the state of the cluster, and its counters: of all nodes, and of the generations of the aliases."""
    quick = client.options(request_timeout=TIMEOUT_S)
    patterns = [f"{alias}-*" for alias in aliases]  # nothing has to be there that fits a pattern
    with translate_errors("reading the state of the cluster"):
        health = quick.cluster.health(filter_path="status").body
        nodes = quick.nodes.stats(metric=_METRICS, filter_path=_NODE).body["nodes"]
        written = quick.indices.stats(index=patterns, metric="indexing", filter_path=_WRITES).body if patterns else {}
    counters = Counters(
        at=time.time(),
        rejections={node["name"]: _count_rejections(node) for node in nodes.values()},
        writes={index: _read_writes(found) for index, found in written.get("indices", {}).items()},
    )
    return Cluster(health["status"], tuple(_read_node(node) for node in nodes.values())), counters


def read_version(client: Client) -> str:
    """Return the version of the cluster, that of its oldest node."""
    with translate_errors("reading the version of the cluster"):
        nodes = client.nodes.info(metric="os", filter_path="nodes.*.version").body["nodes"]
    return str(min((node["version"] for node in nodes.values()), key=lambda v: [*map(int, v.split("-")[0].split("."))]))


def _read_node(node: dict[str, Any]) -> Node:
    # A node without data has no disk, and one of frozen data no low watermark.
    disks = [
        (disk["available_in_bytes"], disk.get("low_watermark_free_space_in_bytes", 0))
        for disk in node.get("fs", {}).get("data", ())
    ]
    free, watermark = min(disks, key=lambda disk: disk[0] - disk[1], default=(0, 0))
    return Node(node["name"], node["jvm"]["mem"]["heap_used_percent"], free, watermark)


def _count_rejections(node: dict[str, Any]) -> int:
    """Bulk requests are refused for a queue that is full, or for the memory of those on their way."""
    pressure = node["indexing_pressure"]["memory"]["total"]
    return int(node["thread_pool"]["write"]["rejected"] + sum(pressure.values()))


def _read_writes(found: dict[str, Any]) -> tuple[int, int]:
    indexing = found["primaries"]["indexing"]
    return indexing["index_total"], indexing["index_time_in_millis"]
