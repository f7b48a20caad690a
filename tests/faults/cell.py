"""One cell of the table: a fault strikes in a phase, and what it took until all was well again."""

import time
from contextlib import ExitStack
from dataclasses import dataclass

from tests.faults.catalogue import FAULTS, Fault, wait
from tests.faults.ledger import Ledger
from tests.faults.phases import PHASES, Phase
from tests.faults.world import Job, Keeper, World

CELLS = [(fault, phase) for fault in FAULTS.values() for phase in PHASES.values() if phase.name in fault.phases]
TIMEOUT_S = 60
LOOK_S = 0.01


@dataclass(frozen=True)
class Struck:
    """What happened: the seconds from the end of the fault until everything was searchable, and who had to help."""

    seconds: float
    failed_runs: list[str]
    """What runs of the command said that failed; the next one succeeded."""


def strike(world: World, fault: Fault, phase: Phase, ledger: Ledger, keeper: Keeper) -> Struck:
    """Let a fault strike amid a phase, with writers at work, and return when all is done and searchable."""
    job = _begin(world, phase)
    with ExitStack() as ended, ExitStack() as struck:
        if job:
            ended.callback(job.end)
        struck.enter_context(fault.strike(world, job))
        wait(fault.lasts_s)
        if not fault.stays:
            struck.close()
        if fault.hand:
            with keeper.held:
                world.start(*fault.hand(world)).finish()
        if job:
            job.finish()
        ledger.await_commits(1)
        return Struck(world.settle(), job.said if job else [])


def _begin(world: World, phase: Phase) -> Job | None:
    """Return when the work of a phase is under way."""
    is_amid = phase.begin(world)
    job = world.start(*phase.command) if phase.command else None
    deadline = time.monotonic() + TIMEOUT_S
    while not is_amid(world) and (job is None or job.runs):
        wait(LOOK_S)  # often: the work of some phases is done within a second
        assert time.monotonic() < deadline, f"{phase.name} does not come to its work"
    assert job is None or job.runs, f"{job} was over before the fault: {job.process.communicate()}"
    return job
