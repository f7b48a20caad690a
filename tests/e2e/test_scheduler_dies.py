"""Airflow's scheduler dies amid a backfill, and its tasks with it: the stream goes on, and so does the run."""

from bench.outages import SCHEDULER, dead
from pg2es.services.stream import pass_barrier
from tests.e2e.ground import TIMEOUT_S, Ground
from tests.e2e.writers import Writers

CHUNKS = 4
DOWN_S = 5


def test_a_backfill_goes_on_after_the_death_of_the_scheduler(ground: Ground) -> None:
    clients, pipeline = ground.clients, ground.clients.project.pipeline(ground.notes)
    with Writers(ground.database) as writers:
        with ground.held_lane(ground.notes, 0):
            run = ground.airflow.trigger(f"backfill_{ground.notes}", {"chunks": CHUNKS, "parallelism": 1})
            ground.wait_for_waiting_chunk()
            with dead(SCHEDULER, DOWN_S):
                before = writers.changes
                pass_barrier(clients, pipeline, ground.live(ground.notes))  # Airflow is never on the hot path
                assert writers.changes > before
        ground.airflow.wait([run], TIMEOUT_S)
        assert ground.attempts(run)["copy_chunk"] > 1, "the chunk that died was tried again"
    writers.check()
    ground.check_equal(ground.notes)
