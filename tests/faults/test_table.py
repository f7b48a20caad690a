"""Every fault in every phase: what was acknowledged is there afterwards, and both sides are equal.

`make faults` runs the whole table and writes docs/reliability.md; one cell of each fault is in every run of the tests.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from elasticsearch import Elasticsearch

from tests.faults.catalogue import FAULTS
from tests.faults.cell import strike
from tests.faults.ledger import writing
from tests.faults.phases import PHASES
from tests.faults.world import World
from tests.support import temporary_stream


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


EVERY_RUN = {
    ("postgres killed", "backfill"),
    ("kafka killed", "streaming"),
    ("elasticsearch killed", "reindex"),
    ("job killed", "reconcile"),
    ("link to PostgreSQL refused", "reconcile"),
    ("link to Elasticsearch cut", "streaming"),
    ("disk of Elasticsearch full", "backfill"),
    ("prepared transaction", "reindex"),
}
"""One cell for each way in which something fails."""

CELLS = [
    pytest.param(fault, phase, marks=() if (fault, phase) in EVERY_RUN else pytest.mark.faults)
    for fault in FAULTS
    for phase in PHASES
]


@pytest.mark.parametrize(("fault", "phase"), CELLS)
def test_it_holds(worlds: Worlds, fault: str, phase: str, request: pytest.FixtureRequest) -> None:
    world = worlds.take()
    with world.mended() as keeper, writing(world.database) as ledger:
        struck = strike(world, FAULTS[fault], PHASES[phase], ledger, keeper)
    world.settle()
    found = {
        "fault": fault,
        "phase": phase,
        "seconds": struck.seconds,
        "failed_runs": " / ".join(struck.failed_runs),
        "mended": "; ".join(keeper.done),
        "commits": ledger.committed,
        "lost_connections": ledger.lost,
        "documents": world.check(ledger),
    }
    request.node.user_properties += found.items()
    worlds.keep(world)
