"""The processes in which Airflow runs tasks: each is named after its task instance, `airflow worker -- <id>`."""

import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass

import psutil

from demo.airflow import Airflow
from pg2es.adapters.airflow import Run

Condition = Callable[[psutil.Process], bool]
"""What a process has come to."""


@dataclass(frozen=True)
class Step:
    """How far a task has come. A task that is over in no time is held up there by a server that does not answer."""

    condition: Condition
    waits_for: int | None = None
    """Port of the server that is stopped until the step is reached."""


_TITLE = "airflow worker -- "
_STEP_S = 0.005
_PAUSE = threading.Event()


def find_task_processes(ids: Collection[str]) -> dict[str, psutil.Process]:
    """Return the processes of these task instances, by id."""
    found = {}
    for process in psutil.process_iter():
        try:
            title = " ".join(process.cmdline()).strip()
        except psutil.Error:
            continue
        if title.startswith(_TITLE) and (identifier := title.removeprefix(_TITLE)) in ids:
            found[identifier] = process
    return found


def kill_task(airflow: Airflow, run: Run, task_id: str, step: Step, timeout_s: float) -> None:
    """SIGKILL the process of a task of a run as soon as the step is reached.

    The process is stopped while the step's condition looks, and runs for moments in between.
    """
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        ids = _instances(airflow, run, task_id)
        for process in find_task_processes(ids).values():
            with _frozen(step.waits_for) if step.waits_for else nullcontext():
                if _kill_when(process, step.condition):
                    return
            raise AssertionError(f"{task_id} ended before it was killed")
        _PAUSE.wait(0.05)
    raise AssertionError(f"{task_id} did not run within {timeout_s:.0f} s: {airflow.progress(run)}")


def asks(port: int) -> Step:
    """Return a step: the task has asked the server on a port for something and waits for the answer."""

    def connected(process: psutil.Process) -> bool:
        return any(c.raddr and c.raddr.port == port for c in process.net_connections("tcp"))

    return Step(connected, waits_for=port)


def has_done(done: Callable[[], bool]) -> Step:
    """Return a step: what the task is for has just been done."""
    return Step(lambda _: done())


@contextmanager
def _frozen(port: int) -> Iterator[None]:
    """Stop the process that listens on a port, so that who connects anew waits; PostgreSQL's backends go on."""
    (server,) = {
        c.pid for c in psutil.net_connections("tcp") if c.laddr and c.laddr.port == port and c.status == "LISTEN"
    }
    process = psutil.Process(server)
    process.suspend()
    try:
        yield
    finally:
        process.resume()


def _instances(airflow: Airflow, run: Run, task_id: str) -> set[str]:
    found = airflow.call("GET", f"{run.path}/taskInstances", params={"limit": 1000})["task_instances"]
    return {task["id"] for task in found if task["task_id"] == task_id}


def _kill_when(process: psutil.Process, when: Condition) -> bool:
    """Kill the process once `when` holds; return whether it lived until then."""
    with suppress(psutil.NoSuchProcess):
        while True:
            process.suspend()
            reached = False
            try:
                reached = when(process)
            finally:
                end = process.kill if reached else process.resume
                end()
            if reached:
                return True
            _PAUSE.wait(_STEP_S)
    return False
