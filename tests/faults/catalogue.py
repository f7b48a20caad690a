"""What can go wrong: each fault strikes a world when it is entered and is over when it is left.

Whatever has no `hand` mends itself.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import psycopg
from confluent_kafka import TopicPartition
from psycopg.rows import TupleRow

from bench.outages import dead
from pg2es.adapters.kafka import Partition, committed_offsets, end_offsets
from pg2es.services.stream import stop_connectors
from pg2es.services.waiting import wait_for
from stack import processes
from stack.config import load_config
from stack.launcher import Stack
from tests.faults import network
from tests.faults.phases import JOBS, STREAM
from tests.faults.world import Job, World
from tests.support import connect, drop_slot, open_elasticsearch

SERVERS = ("postgres", "kafka", "elasticsearch")
WORKERS = {"source worker": lambda world: world.source.connector, "sink worker": lambda world: world.sink}
LINKS = {
    "PostgreSQL": ("postgres",),
    "Kafka": ("kafka",),
    "Elasticsearch": ("elasticsearch",),
    "Kafka Connect": ("connect_1", "connect_2"),
}
CLOCKS = ("postgres", "kafka", *WORKERS)
"""Elasticsearch tells nobody a time, and takes minutes to start where each look at a clock is replaced."""
KEPT = ("PostgreSQL", "Kafka", "Elasticsearch")
"""Links whose connections last; each request to Kafka Connect has one of its own."""
LATENCY_S = 0.3

_STANDSTILL = threading.Event()
"""Nobody sets it: waiting for it is the time that a fault lasts."""

Strike = Callable[[World, Job | None], AbstractContextManager[None]]


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong: what it is, how it strikes, and for how long at least.

    `hand`: the command that a person has to run afterwards. `stays`: it is not over before all is well again.
    `phases`: the names of those in which it strikes.
    """

    name: str
    strike: Strike
    lasts_s: float = 5
    hand: Callable[[World], tuple[str, ...]] | None = None
    stays: bool = False
    phases: tuple[str, ...] = STREAM + JOBS


@contextmanager
def killed(find: Callable[[World], str], world: World, _: Job | None) -> Iterator[None]:
    """SIGKILL a server; it comes back at the end."""
    with dead(find(world), 0):
        yield


@contextmanager
def frozen(find: Callable[[World], str], world: World, _: Job | None) -> Iterator[None]:
    """SIGSTOP every process of a server: its ports take connections, and nobody answers."""
    family = processes.find_family(Stack().find(find(world)).marker)
    for process in family:
        process.send(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in family:
            process.send(signal.SIGCONT)


@contextmanager
def moved_clock(find: Callable[[World], str], world: World, _: Job | None) -> Iterator[None]:
    """Start a server anew that takes it to be an hour later, and at the end once more: its clock goes an hour back."""
    name = find(world)
    [library] = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
    # Who waits for a while counts by another clock, which nobody can set.
    later = {"LD_PRELOAD": str(library), "FAKETIME": "+1h", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    _start_anew(name, later)
    try:
        yield
    finally:
        _start_anew(name, {})


def _start_anew(name: str, variables: dict[str, str]) -> None:
    stack = Stack()
    stack.kill(name)
    service = stack.find(name)
    command = ["env", *(f"{variable}={value}" for variable, value in variables.items()), *service.command()]
    # Part of the command, which runs as the server's user: what libfaketime shares would be root's otherwise.
    with mock.patch.object(service, "command", return_value=command):
        stack.start(name)


@contextmanager
def job_killed(_: World, job: Job | None) -> Iterator[None]:
    """SIGKILL the command; it is started again."""
    assert job
    job.process.kill()
    job.process.wait()
    yield


@contextmanager
def job_frozen(_: World, job: Job | None) -> Iterator[None]:
    """SIGSTOP the command."""
    assert job
    job.process.send_signal(signal.SIGSTOP)
    yield
    job.process.send_signal(signal.SIGCONT)


@contextmanager
def job_doubled(world: World, job: Job | None) -> Iterator[None]:
    """Start the command once more while it runs."""
    assert job
    second = world.start(*job.arguments)
    yield
    second.finish()


@contextmanager
def flooded(_world: World, _: Job | None) -> Iterator[None]:
    """Let Elasticsearch refuse every write, as it does when its disk is nearly full."""
    block = "cluster.blocks.read_only_allow_delete"
    with open_elasticsearch(superuser=True) as client:
        client.cluster.put_settings(persistent={block: True})
        try:
            yield
        finally:
            client.cluster.put_settings(persistent={block: None})


@contextmanager
def open_transaction(world: World, _: Job | None) -> Iterator[None]:
    """Leave a transaction open that has written: no start fence passes it."""
    with connect(world.database.name) as session, session.transaction():
        session.execute("INSERT INTO public.notes VALUES (-1, 'long', 1)")
        yield
    world.database.execute("DELETE FROM public.notes WHERE id = -1")


@contextmanager
def prepared_transaction(world: World, _: Job | None) -> Iterator[None]:
    """Leave a prepared transaction, which belongs to no session and outlives even the server."""
    name = f"pg2es_{world.database.name}"
    world.database.execute(f"BEGIN; INSERT INTO public.notes VALUES (-2, 'prepared', 1); PREPARE TRANSACTION '{name}'")
    try:
        yield
    finally:
        world.database.execute(f"COMMIT PREPARED '{name}'", "DELETE FROM public.notes WHERE id = -2")


@contextmanager
def large_transaction(world: World, _: Job | None) -> Iterator[None]:
    """Change every row several times in one transaction."""
    with connect(world.database.name) as session, session.transaction():
        for number in range(5):
            session.execute("UPDATE public.notes SET body = %s || id WHERE id <= 30000", [f"large {number} of "])
    yield


@contextmanager
def slot_dropped(world: World, _: Job | None) -> Iterator[None]:
    """Drop the replication slot under its reader."""
    drop_slot(world.database, world.source.slot)
    yield


@contextmanager
def wal_removed(world: World, _: Job | None) -> Iterator[None]:
    """Let PostgreSQL remove WAL that the slot needs, while nobody reads it."""
    slot, source = world.source.slot, world.source.connector
    world.clients.connect.stop(source)
    with connect(world.database.name, superuser=True) as session:
        session.execute("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'")
        session.execute("SELECT pg_reload_conf()")
        try:
            wait_for(
                lambda: _lose_wal(session, slot),
                timeout_s=60,
                on_timeout=lambda: AssertionError(f"slot {slot} keeps its WAL"),
            )
        finally:
            session.execute("ALTER SYSTEM RESET max_slot_wal_keep_size")
            session.execute("SELECT pg_reload_conf()")
    yield


def _lose_wal(session: psycopg.Connection[TupleRow], slot: str) -> bool:
    session.execute("SELECT pg_logical_emit_message(false, 'fault', repeat('x', 1000000))")
    session.execute("SELECT pg_switch_wal()")
    session.execute("CHECKPOINT")
    lost = "SELECT FROM pg_replication_slots WHERE slot_name = %s AND wal_status = 'lost'"
    return session.execute(lost, [slot]).fetchone() is not None


@contextmanager
def topic_deleted(world: World, _: Job | None) -> Iterator[None]:
    """Delete the topic of the notes' changes while a sink has not read all of it; nobody makes it again meanwhile."""
    with _sink_left_behind(world) as (topic, _ends):
        world.clients.kafka.delete_topics([topic])[topic].result()
        yield


@contextmanager
def records_removed(world: World, _: Job | None) -> Iterator[None]:
    """Let Kafka remove what a stopped sink has not read, as when its retention is over."""
    with _sink_left_behind(world) as (_topic, ends):
        places = [TopicPartition(*partition, end) for partition, end in ends.items()]
        for removed in world.clients.kafka.delete_records(places).values():
            removed.result()
        yield


@contextmanager
def _sink_left_behind(world: World) -> Iterator[tuple[str, dict[Partition, int]]]:
    """Stop the sink; give the topic of the notes' changes, and its ends when each partition has what was not read."""
    sink, admin, topic = world.sink, world.clients.kafka, world.source.topic_of("public.notes")
    stop_connectors(world.clients, sink)
    ends = end_offsets(admin, [topic])
    read = committed_offsets(admin, f"connect-{sink}", ends)

    def left_behind() -> dict[Partition, int] | None:
        ends = end_offsets(admin, [topic])
        return ends if all(end > read.get(partition, 0) for partition, end in ends.items()) else None

    yield (
        topic,
        wait_for(
            left_behind, timeout_s=60, on_timeout=lambda: AssertionError(f"nothing new in each partition of {topic}")
        ),
    )
    world.clients.connect.resume(sink)


def _on(link: str, fault: Callable[..., AbstractContextManager[None]], **options: float) -> Strike:
    return lambda _world, _job: fault(*(load_config().ports[port] for port in LINKS[link]), **options)


def _server(name: str) -> Callable[[World], str]:
    return lambda _: name


def _worker(of: Callable[[World], str]) -> Callable[[World], str]:
    return lambda world: world.worker_of(of(world))


def _strike(how: Callable[..., AbstractContextManager[None]], find: Callable[[World], str]) -> Strike:
    return lambda world, job: how(find, world, job)


def _recover(world: World) -> tuple[str, ...]:
    return ("recover", world.source.name, "--yes")


_DYING = {
    **{server: _server(server) for server in SERVERS},
    **{name: _worker(of) for name, of in WORKERS.items()},
}

FAULTS = {
    fault.name: fault
    for fault in (
        *(Fault(f"{name} killed", _strike(killed, find)) for name, find in _DYING.items()),
        *(Fault(f"{name} frozen", _strike(frozen, find), 20) for name, find in _DYING.items()),
        *(Fault(f"clock of {name} moved", _strike(moved_clock, _DYING[name]), 20, phases=STREAM) for name in CLOCKS),
        Fault("job killed", job_killed, 0, phases=JOBS),
        Fault("job frozen", job_frozen, 20, phases=JOBS),
        Fault("job started twice", job_doubled, 0, phases=JOBS),
        *(Fault(f"link to {name} cut", _on(name, network.cut), 20) for name in LINKS),
        *(Fault(f"link to {name} refused", _on(name, network.refused)) for name in LINKS),
        *(Fault(f"link to {name} half open", _on(name, network.half_open), 0, stays=True) for name in KEPT),
        *(Fault(f"link to {name} slow", _on(name, network.slow, delay_s=LATENCY_S), 20) for name in LINKS),
        Fault("Elasticsearch overloaded", _on("Elasticsearch", network.overloaded), 20),
        Fault("disk of Elasticsearch full", flooded, 20),
        Fault("open transaction", open_transaction, 20),
        Fault("prepared transaction", prepared_transaction, 20),
        Fault("large transaction", large_transaction, 0),
        Fault("slot dropped", slot_dropped, 0, hand=_recover),
        Fault("WAL of the slot removed", wal_removed, 0, hand=_recover),
        Fault("topic deleted", topic_deleted, 5, hand=_recover),
        Fault("unread records removed", records_removed, 0, hand=_recover),
    )
}


def wait(seconds: float) -> None:
    """Let a fault last."""
    _STANDSTILL.wait(seconds)
