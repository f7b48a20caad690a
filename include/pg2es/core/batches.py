"""Parts of a list: for requests of a limited size, and around items that make a request fail."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
E = TypeVar("E", bound=Exception)


def in_batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Give the items in parts of at most `size`."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def by_halves(
    items: Sequence[T], work: Callable[[Sequence[T]], R], failure: tuple[type[E], ...]
) -> Iterator[tuple[Sequence[T], R | E]]:
    """Do the work for all items, and for halves of what fails; give what came of each part, or why one item fails."""
    if not items:
        return
    try:
        yield items, work(items)
    except failure as error:
        if len(items) == 1:
            yield items, error
            return
        middle = len(items) // 2
        yield from by_halves(items[:middle], work, failure)
        yield from by_halves(items[middle:], work, failure)
