"""Slices of a chunk, so large that each is about SLICE_BYTES of documents, however large the documents are.

Where documents take long to make, slices are smaller.
"""

from collections.abc import Iterator

from pg2es.adapters.postgres import Session, read_relations
from pg2es.core.backfill import BlockRange
from pg2es.services.refresh import SLICE_BYTES, Slice

FIRST_SLICE_BLOCKS = 64

MOST_BLOCKS = 16_384
"""128 MiB of the table: behind a long empty part a slice may be dense again."""

SLICE_S = 10.0
"""What a slice takes to read, at most, as far as it can be told before."""


class Slicer:
    """Divides a block range into slices of about SLICE_BYTES, learning from each how large the documents are."""

    def __init__(self, session: Session, blocks: BlockRange) -> None:
        self._session = session
        self._blocks = blocks
        self._size = FIRST_SLICE_BLOCKS

    def slices(self) -> Iterator[BlockRange]:
        """Give half-open slices in order; the last of an open-ended range is open-ended too."""
        relation, first, end = self._blocks.relation, self._blocks.first, self._blocks.end
        while True:
            known_end = self._end_now() if end is None else end
            until = first + self._size
            if until >= known_end:
                yield BlockRange(relation, first, end)
                return
            yield BlockRange(relation, first, until)
            first = until

    def learn(self, read: Slice) -> None:
        """Aim the next slice at SLICE_BYTES or SLICE_S, at most four times the last one, and MOST_BLOCKS."""
        full = max(read.bytes / SLICE_BYTES, read.seconds / SLICE_S, 1 / 4)
        self._size = min(max(1, int(self._size / full)), MOST_BLOCKS)

    def _end_now(self) -> int:
        blocks = {relation.name: relation.blocks for relation in read_relations(self._session, self._blocks.relation)}
        return blocks.get(self._blocks.relation, 0)
