"""What happens when something dies while rows change: how long until all of it is searchable again, without a hand.

A server is killed by SIGKILL and comes back after a while, as a supervisor would bring it; a worker of Kafka Connect
stays away until another one has taken over.
"""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from bench.ground import Ground, prepare_ground
from bench.reindex import fill
from bench.results import Result
from demo.airflow import Airflow
from pg2es.adapters.airflow import RunState
from pg2es.core.errors import DriftFound, PostgresUnavailable, TransientError
from pg2es.core.generations import sink_connector
from pg2es.services.drift import compare
from pg2es.services.generations import require_live_generation
from pg2es.services.stream import pass_barrier
from pg2es.services.waiting import wait_for
from stack.config import load_config
from stack.launcher import Stack

ROWS = 20_000
DOWN_S = 20
PATIENCE_S = 240
WRITERS = 4
SERVERS = ("kafka", "elasticsearch", "postgres")
SCHEDULER = "airflow-scheduler"
TAKEOVER_TARGET_S = 30

_STANDSTILL = threading.Event()
"""Nobody sets it: waiting for it is the time that a server is away."""


def measure_outages() -> dict[str, Result]:
    """Return the seconds of each recovery; DriftFound when a document differs from its row afterwards."""
    with prepare_ground(ROWS) as ground:
        fill(ground)
        with writing(ground):
            found = {
                "takeover_source_worker_s": Result(
                    lose_worker(ground, ground.source.connector), "s", TAKEOVER_TARGET_S, "lower"
                ),
                "takeover_sink_worker_s": Result(
                    lose_worker(ground, live_sink(ground)), "s", TAKEOVER_TARGET_S, "lower"
                ),
                **{
                    f"recovery_{server}_s": Result(lose_server(ground, server), "s", None, "lower")
                    for server in SERVERS
                },
                "recovery_airflow_scheduler_s": Result(lose_scheduler(open_airflow()), "s", None, "lower"),
            }
            wait_until_searchable(ground)
        check_equal(ground)
    return found


def lose_worker(ground: Ground, connector: str) -> float:
    """Kill the worker that runs a connector; return the seconds until another one does and everything is searchable."""
    stack = Stack()
    [address] = _workers_of(ground, connector)
    worker = load_config().worker_at(address)
    started = time.monotonic()
    stack.kill(worker)
    try:
        wait_for(
            lambda: _is_taken_over(ground, connector, address),
            timeout_s=PATIENCE_S,
            on_timeout=lambda: TransientError(f"Nobody took {connector} over from {worker}."),
        )
        wait_until_searchable(ground)
        return round(time.monotonic() - started, 1)
    finally:
        stack.start(worker)


def lose_server(ground: Ground, server: str, down_s: float = DOWN_S) -> float:
    """Kill a server for a while; return the seconds from when it answers again until everything is searchable."""
    with dead(server, down_s):
        pass
    started = time.monotonic()
    wait_until_searchable(ground)
    return round(time.monotonic() - started, 1)


def lose_scheduler(airflow: Airflow) -> float:
    """Kill Airflow's scheduler for DOWN_S; return the seconds from its return to the end of a run asked for before."""
    with dead(SCHEDULER):
        run = airflow.trigger("retire")
    started = time.monotonic()
    wait_for(
        lambda: airflow.progress(run).state in (RunState.SUCCESS, RunState.FAILED),  # it is about when, not about how
        timeout_s=PATIENCE_S,
        on_timeout=lambda: TransientError(f"Nobody ran {run.dag_id} after the scheduler was back."),
    )
    return round(time.monotonic() - started, 1)


@contextmanager
def dead(server: str, down_s: float = DOWN_S) -> Iterator[None]:
    """Kill a server; it comes back at the end, after `down_s` at least."""
    stack = Stack()
    stack.kill(server)
    back = time.monotonic() + down_s
    try:
        yield
        _STANDSTILL.wait(back - time.monotonic())
    finally:
        stack.start(server)


def wait_until_searchable(ground: Ground) -> None:
    """Return when everything committed before this call is searchable; what passes is waited out, a failure is not."""
    for attempt in Retrying(
        retry=retry_if_exception_type(TransientError),
        wait=wait_fixed(0.2),
        stop=stop_after_delay(PATIENCE_S),
        reraise=True,
    ):
        with attempt:
            generation = require_live_generation(ground.clients.elasticsearch, ground.pipeline)
            pass_barrier(ground.clients, ground.pipeline, generation, PATIENCE_S)


def check_equal(ground: Ground) -> None:
    """Raise DriftFound unless every document equals its row."""
    found = compare(
        ground.clients, ground.pipeline, require_live_generation(ground.clients.elasticsearch, ground.pipeline)
    )
    if not found.clean:
        raise DriftFound(str(found))


def live_sink(ground: Ground) -> str:
    """Return the sink of the generation that searches find."""
    return sink_connector(require_live_generation(ground.clients.elasticsearch, ground.pipeline).index)


def open_airflow() -> Airflow:
    """Return the stack's Airflow."""
    names = ("PG2ES_AIRFLOW_URL", "PG2ES_AIRFLOW_USER", "PG2ES_AIRFLOW_PASSWORD")
    return Airflow(*(load_config().environment()[name] for name in names))


@dataclass
class Changes:
    """How many transactions were acknowledged, and how often a connection was lost."""

    committed: int = 0
    lost: int = 0


@contextmanager
def writing(ground: Ground, pause_s: float = 0.02) -> Iterator[Changes]:
    """Change, delete and insert rows all the time; who loses the connection makes a new one.

    `pause_s`: between two changes of each writer.
    """
    stop, changes, counting = threading.Event(), Changes(), threading.Lock()

    def count(*, lost: bool = False) -> None:
        with counting:
            changes.lost += lost
            changes.committed += not lost

    def write(writer: int) -> None:
        number = 0
        while not stop.is_set():
            try:
                with ground.clients.session(ground.source) as session:
                    while not stop.wait(pause_s):
                        row = 1 + writer + WRITERS * (number % (ROWS // WRITERS))
                        number += 1
                        session.execute(
                            "UPDATE public.flat SET seq = seq + 1, note = $1 WHERE id = $2", [str(number), row]
                        )
                        if number % 3 == 0:
                            with session.transaction():
                                session.execute("DELETE FROM public.flat WHERE id = $1", [row])
                                session.execute("INSERT INTO public.flat (id, name) VALUES ($1, 'again')", [row])
                        if number % 20 == 0:
                            session.execute("DELETE FROM public.flat WHERE id = $1", [row])
                        count()
            except (PostgresUnavailable, psycopg.OperationalError):
                count(lost=True)
                stop.wait(0.5)

    with ThreadPoolExecutor(WRITERS, thread_name_prefix="writer") as pool:
        writers = [pool.submit(write, number) for number in range(WRITERS)]
        try:
            yield changes
        finally:
            stop.set()
        for writer in writers:
            writer.result()


def _is_taken_over(ground: Ground, connector: str, killed: str) -> bool:
    try:
        status = ground.clients.connect.status(connector)
        return status is not None and status.running and killed not in _workers_of(ground, connector)
    except TransientError:  # the workers that are left divide the work anew
        return False


def _workers_of(ground: Ground, connector: str) -> set[str]:
    """Return the addresses, `host:port`, of the workers that run a connector's tasks."""
    return {part.worker for part in ground.clients.connect.read_parts(connector) if part.task is not None}
