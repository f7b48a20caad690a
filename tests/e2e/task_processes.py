"""The processes in which Airflow runs tasks: each is named after its task instance, `airflow worker -- <id>`."""

import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress

import psutil

from demo.airflow import Airflow, Run

Condition = Callable[[psutil.Process], bool]
"""What a process has come to."""

_TITLE = "airflow worker -- "
_STEP_S = 0.02
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


def kill_task(airflow: Airflow, run: Run, task_id: str, when: Condition, timeout_s: float) -> None:
    """SIGKILL the process of a task of a run as soon as `when` holds of it.

    The process is stopped while `when` looks, and runs for moments in between: it cannot get past what `when` sees.
    """
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        ids = _instances(airflow, run, task_id)
        for process in find_task_processes(ids).values():
            if _kill_when(process, when):
                return
            raise AssertionError(f"{task_id} ended before it was killed")
        _PAUSE.wait(0.05)
    raise AssertionError(f"{task_id} did not run within {timeout_s:.0f} s: {airflow.progress(run)}")


def speaks_to(ports: Collection[int]) -> Condition:
    """Return a condition: the process is connected to one of these ports, so it has begun its work."""

    def connected(process: psutil.Process) -> bool:
        return any(c.raddr and c.raddr.port in ports for c in process.net_connections("tcp"))

    return connected


def _instances(airflow: Airflow, run: Run, task_id: str) -> set[str]:
    found = airflow._call("GET", f"{run.path}/taskInstances", params={"limit": 1000})["task_instances"]
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
