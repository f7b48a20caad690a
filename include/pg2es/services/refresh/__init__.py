"""refresh(roots): the one way in which a document is written. Its version precedes its read.

`refresher` takes the version, reads, and writes until each document is acknowledged: every batch writer calls it.
`slices` divides what was read into requests; `ids` leads from document ids back to keys; `topic` has the sinks refresh
roots by way of a refresh topic.
"""

from pg2es.services.refresh.ids import id_of, parse_ids
from pg2es.services.refresh.refresher import (
    DEADLINE_S,
    IN_FLIGHT,
    SLICE_BYTES,
    UNREADABLE_ROW,
    Refresher,
    Target,
)
from pg2es.services.refresh.slices import Body, Slice
from pg2es.services.refresh.topic import request_all, request_keys, request_where, scheduler

__all__ = [
    "DEADLINE_S",
    "IN_FLIGHT",
    "SLICE_BYTES",
    "UNREADABLE_ROW",
    "Body",
    "Refresher",
    "Slice",
    "Target",
    "id_of",
    "parse_ids",
    "request_all",
    "request_keys",
    "request_where",
    "scheduler",
]
