"""Dead-letter records: how a record in the dead-letter topic is read, grouped and led back to its roots.

`record` is what the sink wrote: topic, position, reason, generation; `events` takes the changed row out of the event
that such a record carries. What makes a record one is decided by the sink (docs/sink.md).
"""

from pg2es.core.dead_letters.events import parse_event
from pg2es.core.dead_letters.record import (
    REASON_CHARACTERS,
    DeadLetterRecord,
    Group,
    find_pipeline,
    group_records,
    shorten,
    to_ranges,
)

__all__ = [
    "REASON_CHARACTERS",
    "DeadLetterRecord",
    "Group",
    "find_pipeline",
    "group_records",
    "parse_event",
    "shorten",
    "to_ranges",
]
