"""Dead-letter records: listing, replaying and discarding them.

`replayer` refreshes the roots that they are about and resolves what is acknowledged; `roots` finds those roots, by the
routes and the SQL that the sink uses. No value of a record is ever written.
"""

from pg2es.services.dead_letters.replayer import (
    describe_discarded,
    discard,
    list_few_groups,
    list_groups,
    replay,
    report_groups,
)

__all__ = [
    "describe_discarded",
    "discard",
    "list_few_groups",
    "list_groups",
    "replay",
    "report_groups",
]
