"""The reindex: a new generation beside the live one, the swap of the alias, and the way back.

`steps` build and verify, `alias` decides which generation is live and retires the others, `rollback` goes back,
`schema_watch` notices that files or tables ask for a reindex. The decision itself is made in `core.generations.plan`.
"""

from pg2es.services.reindex import rollback
from pg2es.services.reindex.alias import retire, swap
from pg2es.services.reindex.schema_watch import FollowUp, advise, watch_schema
from pg2es.services.reindex.steps import (
    create,
    finish_build,
    go_live,
    plan,
    run_smoke_queries,
    start_stream,
    verify,
)

__all__ = [
    "FollowUp",
    "advise",
    "create",
    "finish_build",
    "go_live",
    "plan",
    "retire",
    "rollback",
    "run_smoke_queries",
    "start_stream",
    "swap",
    "verify",
    "watch_schema",
]
