"""The stream: source, slot, topics and sinks as the files say, their positions, and waiting for them.

    deployment ──▶ source ──▶ replication, topics     publication and slot; topics
                                └─▶ writability       no table is published that the application could not write to then
             └───▶ sink ────▶ fence                   nobody writes before what the stream may have missed is visible
    source, sink ─▶ connector, positions              how one starts and stops; where it begins and goes on
    searchable ──▶ barrier                            everything committed before now is searchable
    steering ────▶ finding                            pause, stop, resume, restart; which connectors are meant

`ensure_source` and `ensure_sink` read what is wanted once, compare it with what is there, and act; they may be run at
any time. Here belongs what makes a stream be there and be at the right place. What mends or renews one is `recovery`.
"""

from pg2es.services.stream.barrier import SinkProgress, count_lag, is_in_kafka, pass_barrier, write_marker
from pg2es.services.stream.connector import OnStop, remove_connector, stop_connectors
from pg2es.services.stream.deployment import deploy, kept_generations, remove_source
from pg2es.services.stream.fence import FENCE_TIMEOUT_S, wait_for_fence
from pg2es.services.stream.finding import find_connectors
from pg2es.services.stream.positions import is_streamed
from pg2es.services.stream.replication import (
    Publication,
    describe_partial,
    drop_publication,
    read_installation,
    read_marks,
    read_publication,
    unpublished,
)
from pg2es.services.stream.searchable import Awaited, await_commits, follow_commits
from pg2es.services.stream.sink import ensure_sink, remove_generation, renew_fence, renew_sink
from pg2es.services.stream.source import ensure_source, renew_source, rewind_source
from pg2es.services.stream.steering import remove_sinks, steer
from pg2es.services.stream.topics import RETENTION_MS
from pg2es.services.stream.writability import find_write_problems, unpublishable_when_full

__all__ = [
    "FENCE_TIMEOUT_S",
    "RETENTION_MS",
    "Awaited",
    "OnStop",
    "Publication",
    "SinkProgress",
    "await_commits",
    "count_lag",
    "deploy",
    "describe_partial",
    "drop_publication",
    "ensure_sink",
    "ensure_source",
    "find_connectors",
    "find_write_problems",
    "follow_commits",
    "is_in_kafka",
    "is_streamed",
    "kept_generations",
    "pass_barrier",
    "read_installation",
    "read_marks",
    "read_publication",
    "remove_connector",
    "remove_generation",
    "remove_sinks",
    "remove_source",
    "renew_fence",
    "renew_sink",
    "renew_source",
    "rewind_source",
    "steer",
    "stop_connectors",
    "unpublishable_when_full",
    "unpublished",
    "wait_for_fence",
    "write_marker",
]
