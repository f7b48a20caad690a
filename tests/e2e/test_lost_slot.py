"""The slot of a running source is dropped while writers are at work: an alarm, one recovery, and both sides agree."""

import time

import psycopg

from pg2es.core.generations import sink_connector
from pg2es.core.monitoring import judge
from pg2es.services.monitoring import look
from pg2es.services.waiting import wait_for
from tests.e2e.ground import TIMEOUT_S, Ground
from tests.e2e.writers import Writers
from tests.support import connect

ALARM_S = 120


def test_a_slot_dropped_under_a_running_source(ground: Ground) -> None:
    source = ground.folder.source_model()
    ground.airflow.wait_until_parsed(f"recover_{source.name}")
    for pipeline in (ground.notes, ground.authors):
        ground.airflow.unpause(f"reconcile_{pipeline}")  # the recovery runs them
    ground.reindex(ground.notes, force=True, keep_old_for=24)
    kept, live = ground.generations(ground.notes)
    with ground.monitored(every_s=10), Writers(ground.database, count=1, pause_s=0.4) as writers:
        changes = writers.changes
        dropped_at = time.monotonic()
        drop_slot(ground)
        # So many are missed that a backfill is faster; of the notes it is little.
        ground.database.execute("INSERT INTO public.authors SELECT n, 'missed' FROM generate_series(10001, 11000) n")
        wait_for(
            lambda: f"slot_missing {source.name}" in failed_tasks(ground),
            timeout_s=TIMEOUT_S,
            on_timeout=lambda: AssertionError("no alarm"),
        )
        seconds = time.monotonic() - dropped_at
        run = ground.run(f"recover_{source.name}")
        wait_for(lambda: writers.changes > changes + 20, timeout_s=60, on_timeout=lambda: AssertionError("no writes"))
    writers.check()
    assert seconds <= ALARM_S
    assert ground.note_of(run) == (
        f"Source {source.name} streams again; {ground.notes}: compared, equal; {ground.authors}: filled and reconciled."
    )
    states = ground.states(run)
    assert states.pop("compare_again") == "skipped"  # that is for another database
    assert set(states.values()) == {"success"}
    for pipeline in (ground.notes, ground.authors):
        ground.check_equal(pipeline)
    # The generation that was kept has missed changes, too: there is no way back to it.
    assert ground.generations(ground.notes) == [live]
    assert ground.sinks(ground.notes) == [sink_connector(live)]
    assert kept != live
    assert own_breaches(ground) == []


def test_connectors_that_somebody_removed_come_back(ground: Ground) -> None:
    source = ground.folder.source_model()
    ground.airflow.wait_until_parsed("connectors")
    names = [source.connector, *ground.sinks(ground.notes), *ground.sinks(ground.authors)]
    with Writers(ground.database) as writers:
        for name in names:
            ground.clients.connect.remove(name)
        ground.run("connectors", {"action": "mend", "source": source.name})
    writers.check()
    for pipeline in (ground.notes, ground.authors):
        ground.check_equal(pipeline)


def drop_slot(ground: Ground) -> None:
    """End whoever reads the slot, and drop it before anybody comes back."""
    slot = ground.folder.source_model().slot
    with connect(ground.database.name, superuser=True) as session:

        def drop() -> bool:
            try:
                session.execute(
                    "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s AND active",
                    [slot],
                )
                session.execute("SELECT pg_drop_replication_slot(%s)", [slot])
            except psycopg.errors.ObjectInUse:
                return False
            return True

        wait_for(drop, timeout_s=60, on_timeout=lambda: AssertionError("the slot stays in use"))


def failed_tasks(ground: Ground) -> set[str]:
    """Return the names of the failed tasks of the monitor."""
    params = {"state": "failed", "order_by": "-start_date", "limit": 50}
    found = ground.airflow.call("GET", "/dags/monitor/dagRuns/~/taskInstances", params=params)
    return {str(task["rendered_map_index"]) for task in found["task_instances"]}


def own_breaches(ground: Ground) -> list[str]:
    """Return what the monitor sees to be wrong with the ground's source and pipelines."""
    project = ground.clients.project
    return [str(breach) for breach in judge(project, look(ground.clients)) if ground.folder.source in breach.about]
