"""Recovery: what is done when something died, failed or was lost.

`lost_slot` lets a stream begin anew when changes are lost to it; `mending` makes, changes and restarts connectors;
`stream_checks` finds what cannot be mended without a loss; `orphans` removes what killed runs left. How a source or a
sink is deployed at all is `stream`.
"""

from pg2es.services.recovery.lost_slot import (
    renew_positions,
    renew_slot,
    reset_pipeline,
    reset_source,
    start_streams,
    stop_streams,
)
from pg2es.services.recovery.mending import mend
from pg2es.services.recovery.orphans import find_leftovers, find_orphans, remove_leftovers, remove_orphans

__all__ = [
    "find_leftovers",
    "find_orphans",
    "mend",
    "remove_leftovers",
    "remove_orphans",
    "renew_positions",
    "renew_slot",
    "reset_pipeline",
    "reset_source",
    "start_streams",
    "stop_streams",
]
