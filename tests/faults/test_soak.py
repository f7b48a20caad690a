"""Faults at random, one after the other, while writers never stop: `make soak MINUTES=30 SEED=7`."""

import logging
import os
import time
from random import Random

import pytest

from tests.faults.cell import CELLS, strike
from tests.faults.ledger import writing
from tests.faults.world import World
from tests.support import Database, ProjectFolder

log = logging.getLogger(__name__)


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_faults_at_random(module_folder: tuple[ProjectFolder, Database]) -> None:
    seconds, seed = float(os.environ["PG2ES_SOAK_MINUTES"]) * 60, int(os.environ["PG2ES_SOAK_SEED"])
    random, world, end = Random(seed), World(*module_folder), time.monotonic() + seconds
    struck = 0
    with world.mended() as keeper, writing(world.database, seed) as ledger:
        while time.monotonic() < end:
            fault, phase = random.choice(CELLS)
            log.info("Seed %s, fault %s: %s, %s", seed, struck, fault.name, phase.name)
            strike(world, fault, phase, ledger, keeper)
            struck += 1
    world.settle()
    documents = world.check(ledger)
    log.info("Seed %s: %s faults, %s commits, %s documents equal", seed, struck, ledger.committed, documents)
