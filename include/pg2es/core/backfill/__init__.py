"""The backfill: how a table is divided into chunks that together cover it.

Here belongs the geometry, half-open ctid ranges of the relations that store a table's rows; reading and writing them is
services/backfill.
"""

from pg2es.core.backfill.chunks import BlockRange, Chunk, Relation, plan_chunks

__all__ = [
    "BlockRange",
    "Chunk",
    "Relation",
    "plan_chunks",
]
