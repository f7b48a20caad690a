"""A part of Airflow dies amid a backfill, the scheduler with its tasks: the stream goes on, and so does the run."""

import pytest

from bench.outages import SCHEDULER, dead
from pg2es.adapters.airflow import Run, RunState
from pg2es.services.stream import pass_barrier
from pg2es.services.waiting import wait_for
from stack.launcher import Stack
from tests.e2e.ground import TIMEOUT_S, Ground
from tests.e2e.writers import Writers

CHUNKS = 4
DOWN_S = 5
OTHERS = ("airflow-db", "airflow-api-server", "airflow-triggerer", "airflow-dag-processor")


@pytest.mark.parametrize("part", [SCHEDULER, *(pytest.param(other, marks=pytest.mark.long) for other in OTHERS)])
def test_a_backfill_goes_on_after_the_death_of(part: str, ground: Ground) -> None:
    clients, pipeline = ground.clients, ground.clients.project.pipeline(ground.notes)
    with Writers(ground.database) as writers:
        with ground.held_lane(ground.notes, 0):
            run = ground.airflow.trigger(f"backfill_{ground.notes}", {"chunks": CHUNKS, "parallelism": 1})
            ground.wait_for_waiting_chunk()
            with dead(part, DOWN_S):
                before = writers.changes
                pass_barrier(clients, pipeline, ground.live(ground.notes))  # Airflow is never on the hot path
                assert writers.changes > before
        wait_for(
            lambda: supervised(ground, run),
            timeout_s=TIMEOUT_S,
            on_timeout=lambda: AssertionError(f"{run} does not end"),
        )
        ground.airflow.wait([run], TIMEOUT_S)
        if part == SCHEDULER:
            assert ground.attempts(run)["copy_chunk"] > 1, "the chunk that died was tried again"
    writers.check()
    ground.check_equal(ground.notes)


def supervised(ground: Ground, run: Run) -> bool:
    """Start what has ended, as Airflow's processes do when their database is away; return whether a run is over."""
    Stack().up()
    return ground.airflow.state(run) in (RunState.SUCCESS, RunState.FAILED)
