"""Every fault in every phase: what was acknowledged is there afterwards, and both sides are equal.

`make faults` runs the whole table and writes docs/reliability.md; a cell for each way to fail is in every run.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from _pytest.mark import ParameterSet
from elasticsearch import Elasticsearch

from tests.faults.catalogue import Fault
from tests.faults.cell import CELLS, strike
from tests.faults.ledger import writing
from tests.faults.phases import Phase
from tests.faults.world import World
from tests.support import temporary_stream

EVERY_RUN = {
    ("postgres killed", "backfill"),
    ("kafka killed", "streaming"),
    ("elasticsearch killed", "reindex"),
    ("source worker killed", "spread"),
    ("job killed", "reconcile"),
    ("link to Elasticsearch cut", "streaming"),
    ("topic deleted", "streaming"),
}


class Worlds:
    """Gives the world of the cell before, or another one, when that cell has failed: what it broke stays behind."""

    def __init__(self, make: Callable[[], World]) -> None:
        self._make = make
        self._kept: World | None = None

    def take(self) -> World:
        """Return the world, which is not given to anybody else unless it is kept."""
        world, self._kept = self._kept or self._make(), None
        return world

    def keep(self, world: World) -> None:
        """Let the next cell have it."""
        self._kept = world


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory, elasticsearch: Elasticsearch) -> Iterator[Worlds]:
    with ExitStack() as stack:
        yield Worlds(
            lambda: World(*stack.enter_context(temporary_stream(tmp_path_factory.mktemp("world"), elasticsearch)))
        )


def list_cells() -> Iterator[ParameterSet]:
    """Give every cell, marked unless it is in every run."""
    for fault, phase in CELLS:
        marks = () if (fault.name, phase.name) in EVERY_RUN else pytest.mark.faults
        yield pytest.param(fault, phase, marks=marks, id=f"{fault.name}-{phase.name}")


@pytest.mark.parametrize(("fault", "phase"), [*list_cells()])
def test_it_holds(worlds: Worlds, fault: Fault, phase: Phase, request: pytest.FixtureRequest) -> None:
    world = worlds.take()
    with world.mended() as keeper, writing(world.database) as ledger:
        struck = strike(world, fault, phase, ledger, keeper)
    world.settle()
    found = {
        "seconds": struck.seconds,
        "failed_runs": " / ".join(struck.failed_runs),
        "mended": "; ".join(keeper.done),
        "commits": ledger.committed,
        "lost_connections": ledger.lost,
        "documents": world.check(ledger),
    }
    request.node.user_properties += found.items()
    worlds.keep(world)
