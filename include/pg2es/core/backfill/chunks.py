"""Chunks: half-open ctid ranges that together cover a table.

    blocks of the table   0 ──────────── 16384 ─────────── 32768 ──────────▶ grows
                          │  chunk 0       │   chunk 1       │  chunk 2, open-ended

A row that moves between ranges while they are read was changed, so the stream refreshes it (refresh protocol, rule 10).
"""

from dataclasses import asdict, dataclass
from typing import Any

CHUNK_BLOCKS = 16_384  # 128 MiB of 8 KiB pages
MAX_CHUNKS = 1_000  # Airflow maps at most 1,024 tasks


@dataclass(frozen=True)
class BlockRange:
    """Blocks `first ≤ block < end` of a relation; `end` None: to the end of the table, whatever it is by then."""

    relation: str
    first: int
    end: int | None


@dataclass(frozen=True)
class Chunk:
    """One unit of a backfill: a block range, and the file that held the relation when it was planned."""

    index: int
    blocks: BlockRange
    filenode: int

    def to_json(self) -> dict[str, Any]:
        """Return the chunk as what Airflow hands from task to task."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Chunk":
        """Return the chunk that `to_json` wrote."""
        return cls(values["index"], BlockRange(**values["blocks"]), values["filenode"])


@dataclass(frozen=True)
class Relation:
    """A relation that stores rows of a table: the table itself, or one of its partitions."""

    name: str
    blocks: int
    filenode: int


def plan_chunks(relations: list[Relation], count: int | None) -> list[Chunk]:
    """Return chunks that cover the relations: about `count` of them, by default one for each 128 MiB.

    Every relation has at least one chunk, and its last is open-ended: rows that come later are in it.
    """
    total = sum(relation.blocks for relation in relations)
    wanted = count or -(-total // CHUNK_BLOCKS)
    size = max(1, -(-total // max(1, min(wanted, MAX_CHUNKS))))
    chunks: list[Chunk] = []
    for relation in relations:
        starts = list(range(0, max(relation.blocks, 1), size))
        for first, end in zip(starts, [*starts[1:], None], strict=True):
            chunks.append(Chunk(len(chunks), BlockRange(relation.name, first, end), relation.filenode))
    return chunks
