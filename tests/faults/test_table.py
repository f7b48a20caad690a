"""Every fault in every phase: what was acknowledged is there afterwards, and both sides are equal.

`make faults` runs the whole table and writes docs/reliability.md; one cell of each fault is in every run of the tests.
"""

import pytest

from tests.faults.catalogue import FAULTS
from tests.faults.cell import strike
from tests.faults.ledger import writing
from tests.faults.phases import PHASES
from tests.faults.world import World
from tests.support import Database, ProjectFolder


@pytest.fixture(scope="module")
def world(module_folder: tuple[ProjectFolder, Database]) -> World:
    return World(*module_folder)


EVERY_RUN = {
    ("postgres killed", "backfill"),
    ("kafka killed", "streaming"),
    ("elasticsearch killed", "reindex"),
    ("sink worker killed", "spread"),
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
def test_it_holds(world: World, fault: str, phase: str, request: pytest.FixtureRequest) -> None:
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
