"""The main job on the whole stack, while rows change and processes are killed: every document equals its row."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import psycopg

from bench.planted import Planter
from demo.airflow import Airflow
from demo.data import connect
from demo.traffic import Traffic
from pg2es.adapters.airflow import Progress, Run, TaskInstance
from pg2es.adapters.postgres import PostgresAccess
from pg2es.core.config import Pipeline
from pg2es.core.drift import Deep, Drift, Outcome, Reconciliation
from pg2es.core.sql import protocol
from pg2es.services.clients import Clients
from pg2es.services.drift import compare, reconcile
from pg2es.services.generations import Generation, require_live_generation
from pg2es.services.waiting import wait_for
from stack.launcher import Stack
from tests import oracle
from tests.e2e.conftest import ORDERS

CHUNKS = 8
TIMEOUT_S = 400

COPYING = """\
SELECT a.client_port FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND a.wait_event_type = 'Lock'"""
"""Ports of the sessions that hold a lane and wait for a table in the middle of a copy."""


def test_backfill_with_writers_a_killed_worker_and_a_killed_task(
    shop: PostgresAccess, clients: Clients, airflow: Airflow
) -> None:
    airflow.wait_until_parsed("connectors")
    deployed = airflow.trigger("connectors", {"source": "shop", "action": "deploy"})
    airflow.wait([deployed], TIMEOUT_S)

    with Traffic(shop, writers=4) as traffic, _held_lane(shop) as lane:
        run = airflow.trigger("backfill_orders", {"chunks": CHUNKS, "parallelism": 2})
        finished = wait_for(
            lambda: _finished_chunks(airflow, run), timeout_s=TIMEOUT_S, on_timeout=lambda: AssertionError("no chunk")
        )
        with _killed_worker():
            _kill_copying_task(shop, lane)
            airflow.wait([run], TIMEOUT_S)
        traffic.check()

    attempts = {task.map_index: task.attempt for task in _chunks(airflow.progress(run))}
    assert max(attempts.values()) > 1, "the killed chunk was tried again"
    assert all(attempts[index] == 1 for index in finished), "chunks that were finished are not read again"

    pipeline = clients.project.pipeline("orders")
    generation = require_live_generation(clients.elasticsearch, pipeline)
    found = compare(clients, pipeline, generation)
    assert found.clean, str(found)
    assert found.equal > ORDERS // 2
    oracle.check(clients, pipeline, generation)
    _check_reconciliation(clients, pipeline, generation, found.equal)


def _check_reconciliation(clients: Clients, pipeline: Pipeline, generation: Generation, orders: int) -> None:
    """Sums of digests are exact for joined documents, too, and so is what they find."""

    def run() -> Reconciliation:
        return reconcile(clients, pipeline, deep=Deep.ALL, repair=True, max_repair_fraction=0.05)

    clean = run()
    assert (clean.outcome, clean.found.equal) == (Outcome.EQUAL, orders)
    spoil = Planter(clients.elasticsearch, generation.index)
    hits = clients.elasticsearch.search(index=generation.index, query={"exists": {"field": "items"}}, size=2)["hits"]
    missing, altered = (hit["_id"] for hit in hits["hits"])
    spoil.delete([missing])
    line = spoil.read([altered])[altered]
    spoil.write({altered: line.replace('"items":[{', '"items":[{"free":true,')})
    spoiled = run()
    assert spoiled.outcome is Outcome.REPAIRED
    assert (spoiled.found.ids[Drift.MISSING], spoiled.found.ids[Drift.ALTERED]) == ([missing], [altered])
    assert spoiled.found.drifted == 2
    assert compare(clients, pipeline, generation).clean
    oracle.check(clients, pipeline, generation)


def _chunks(progress: Progress) -> list[TaskInstance]:
    return [task for task in progress.tasks if task.task_id == "copy_chunk" and task.map_index >= 0]


def _finished_chunks(airflow: Airflow, run: Run) -> set[int]:
    return {task.map_index for task in _chunks(airflow.progress(run)) if task.state == "success"}


@contextmanager
def _killed_worker() -> Iterator[None]:
    """End a Connect worker without warning; it comes back at the end."""
    stack = Stack()
    stack.kill("connect-1")
    try:
        yield
    finally:
        stack.start("connect-1")


@contextmanager
def _held_lane(shop: PostgresAccess) -> Iterator[psycopg.Connection]:
    """Hold a lane, so that its chunks cannot all be over before one of them is killed; closing the session frees it."""
    with connect(shop) as session:
        session.execute(protocol.LANE_LOCK.replace("$1", "'orders'").replace("$2", "1").encode())
        yield session


def _kill_copying_task(shop: PostgresAccess, lane: psycopg.Connection) -> None:
    """End, without warning, the process of a task that copies a chunk: it is stopped by a lock on a table it reads."""

    def copying() -> int | None:
        ports = {row[0] for row in session.execute(COPYING.encode()).fetchall()}
        return next((c.pid for c in psutil.net_connections("tcp") if c.laddr and c.laddr.port in ports and c.pid), None)

    with connect(shop) as session, session.transaction():
        session.execute("LOCK TABLE public.customers IN ACCESS EXCLUSIVE MODE")
        lane.close()
        pid = wait_for(copying, timeout_s=TIMEOUT_S, on_timeout=lambda: AssertionError("no chunk is being copied"))
        os.kill(pid, signal.SIGKILL)
