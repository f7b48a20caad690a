"""Parts of a list, for requests of a limited size."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def in_batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Give the items in parts of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
