"""Recovery: what is done when something died, failed or was lost.

`lost_slot` lets a stream begin anew when changes are lost to it, `adoption` lets indices go on with another database,
a promoted standby first of all; `mending` makes, changes and restarts connectors;
`stream_checks` finds what cannot be mended without a loss; `orphans` removes what killed runs left. How a source or a
sink is deployed at all is `stream`.
"""

from pg2es.services.recovery.adoption import find_promotion, needs_adoption
from pg2es.services.recovery.lost_slot import (
    SETTLED_S,
    recover_source,
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
    "SETTLED_S",
    "find_leftovers",
    "find_orphans",
    "find_promotion",
    "mend",
    "needs_adoption",
    "recover_source",
    "remove_leftovers",
    "remove_orphans",
    "renew_positions",
    "renew_slot",
    "reset_pipeline",
    "reset_source",
    "start_streams",
    "stop_streams",
]
