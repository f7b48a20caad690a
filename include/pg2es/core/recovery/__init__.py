"""Recovery: when a failed connector is restarted, and when it is given up.

Here belong the rules of what is tried and how often, without a server and without a clock of their own.
"""

from pg2es.core.recovery.restarts import Step, Tries, decide, note_running

__all__ = [
    "Step",
    "Tries",
    "decide",
    "note_running",
]
