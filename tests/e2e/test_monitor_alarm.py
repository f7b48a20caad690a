"""The DAG monitor on the real scheduler: a stream that stands still is found in time, and people are told once."""

import json
import time
from collections.abc import Iterator

import pytest

from pg2es.services.waiting import wait_for
from tests.e2e.ground import TIMEOUT_S, Ground
from tests.support import connect
from tests.webhook import Webhook, listening

CONNECTION = "pg2es_test_alerts"
FOUND_WITHIN_S = 120


@pytest.fixture
def webhook(ground: Ground) -> Iterator[Webhook]:
    """Whom the monitor tells, by a connection that Airflow keeps."""
    with listening() as webhook:
        connection = webhook.connection
        body = {**connection, "connection_id": CONNECTION, "extra": json.dumps(connection["extra"])}
        ground.airflow.call("POST", "/connections", json=body)
        try:
            yield webhook
        finally:
            ground.airflow.call("DELETE", f"/connections/{CONNECTION}")


def _runs_that_failed(ground: Ground, breach: str) -> set[str]:
    """Return the runs of the monitor that have a failed task of this name."""
    path, params = "/dags/monitor/dagRuns/~/taskInstances", {"state": "failed", "limit": 1000}
    found = ground.airflow.call("GET", path, params=params)["task_instances"]
    return {task["dag_run_id"] for task in found if task["rendered_map_index"] == breach}


def test_a_stream_that_stands_still_while_everything_runs(ground: Ground, webhook: Webhook) -> None:
    # The limits of lag and freshness are 45 s together; of a monitor that looks more often, the alarm comes earlier.
    ground.change_pipeline(ground.notes, monitor={"max_freshness_s": 10})
    try:
        with ground.monitored(every_s=10, notify=[CONNECTION]):
            check_alarm(ground, webhook)
    finally:
        ground.write_pipelines()


@pytest.mark.long
def test_the_alarm_comes_within_two_minutes_by_default(ground: Ground, webhook: Webhook) -> None:
    with ground.monitored(notify=[CONNECTION]):
        check_alarm(ground, webhook)


def check_alarm(ground: Ground, webhook: Webhook) -> None:
    stalled = f"sink_stalled {ground.notes}"
    told: list[tuple[str, str]] = []

    def listen() -> list[tuple[str, str]]:
        told.extend((kind, title) for kind, title, _ in webhook.take() if stalled in title)
        return told

    with connect(ground.database.name) as session, session.transaction():
        # The document SQL of the notes reads the authors: the sink waits in its SELECT, and says that it runs.
        session.execute("LOCK TABLE public.authors IN ACCESS EXCLUSIVE MODE")
        ground.database.execute("UPDATE public.notes SET title = 'new' WHERE id = (SELECT min(id) FROM public.notes)")
        started = time.monotonic()
        wait_for(
            lambda: _runs_that_failed(ground, stalled),
            timeout_s=FOUND_WITHIN_S,
            on_timeout=lambda: AssertionError(f"nobody says {stalled}"),
        )
        assert time.monotonic() - started < FOUND_WITHIN_S
        [sink] = ground.sinks(ground.notes)
        status = ground.clients.connect.status(sink)
        assert status is not None
        assert status.running
        wait_for(listen, timeout_s=TIMEOUT_S, on_timeout=lambda: AssertionError("nobody was told"))
        wait_for(
            lambda: len(_runs_that_failed(ground, stalled)) > 1,
            timeout_s=TIMEOUT_S,
            on_timeout=lambda: AssertionError("the next run says something else"),
        )
    wait_for(lambda: len(listen()) > 1, timeout_s=TIMEOUT_S, on_timeout=lambda: AssertionError("it is not over"))
    assert [kind for kind, _ in told] == ["failure", "success"], told
    assert told[1] == ("success", f"pg2es: over: {stalled}")
    ground.check_equal(ground.notes)
