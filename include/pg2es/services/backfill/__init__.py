"""The backfill: reading every root of a table into a generation while the stream goes on.

    prepare ──▶ plan ──▶ copy_chunk … ──▶ finish
    preparation  chunks (ctid ranges,      completion: settings, sweep, counts, report
                 tasks side by side)

Each step looks at the world and does what is left, so it may be killed and run again. `slicer` divides a chunk into
parts of equal size, `throttle` slows it down before WAL fills the disk, `sweep` refreshes what PostgreSQL lacks. A
reindex fills its new generation by the same steps. A generation that only missed some changes is compared instead
(`gap`).
"""

from pg2es.services.backfill.chunks import PATIENCE_S, ChunkResult, HeldUp, copy_chunk, is_outdated, plan
from pg2es.services.backfill.completion import Counts, Summary, check, check_rejected, finish, settle
from pg2es.services.backfill.gap import close_gap
from pg2es.services.backfill.preparation import Prepared, begin, prepare

__all__ = [
    "PATIENCE_S",
    "ChunkResult",
    "Counts",
    "HeldUp",
    "Prepared",
    "Summary",
    "begin",
    "check",
    "check_rejected",
    "close_gap",
    "copy_chunk",
    "finish",
    "is_outdated",
    "plan",
    "prepare",
    "settle",
]
