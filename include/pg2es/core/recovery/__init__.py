"""Recovery: when a failed connector is restarted, and when it is given up; what is ours to remove.

Here belong the rules of what is tried and how often, without a server and without a clock of their own.
"""

from pg2es.core.recovery.ownership import OwnerMark, installation_id
from pg2es.core.recovery.restarts import Step, Tries, decide, note_running

__all__ = [
    "OwnerMark",
    "Step",
    "Tries",
    "decide",
    "installation_id",
    "note_running",
]
