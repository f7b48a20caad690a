"""Start, find and end processes so that a recycled pid is never mistaken for ours.

A process is known by its pid *and* its start time. Everything that descends from a service carries the variable
MARKER in its environment; with it, children that outlived their parent are found too.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MARKER = "PG2ES_STACK_SERVICE"
POLL_INTERVAL_S = 0.05
_PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """One process: its pid, and its start time in clock ticks since boot."""

    pid: int
    started: int

    def is_alive(self) -> bool:
        """Return whether this very process still runs; a zombie does not."""
        return _read_start_time(self.pid) == self.started

    def send(self, number: signal.Signals) -> None:
        """Send a signal to this process, if it still runs."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            # The descriptor now stands for one process: check which before the signal goes out.
            if self.is_alive():
                signal.pidfd_send_signal(descriptor, number)
        except ProcessLookupError:
            return
        finally:
            os.close(descriptor)


def find_process(pid: int) -> Process | None:
    """Return the process that has `pid` now, or None."""
    started = _read_start_time(pid)
    return None if started is None else Process(pid, started)


def read_pid_file(path: Path) -> Process | None:
    """Return the process that a pid file names, if it still runs."""
    try:
        pid, started = map(int, path.read_text().split())
    except (FileNotFoundError, ValueError):
        return None
    process = Process(pid, started)
    return process if process.is_alive() else None


def write_pid_file(path: Path, process: Process) -> None:
    """Remember `process` in `path`: pid and start time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{process.pid} {process.started}\n")


def spawn(argv: Sequence[str], environ: Mapping[str, str], log: Path, marker: str) -> Process:
    """Start a program in its own session, with output to `log` (the previous log is kept as `<log>.1`)."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    # `env --chdir`: the caller's own folder may be closed to the user that the server runs as.
    command = ["env", "--chdir=/", *argv]
    pid = os.posix_spawnp(
        command[0],
        command,
        {**environ, MARKER: marker},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), flags, 0o640),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    # A process that has ended already is a zombie, for we are its parent: it still has a start time of its own.
    return find_process(pid) or Process(pid, 0)


def find_family(marker: str) -> set[Process]:
    """Return every living process that carries `marker`, with all that descend from one.

    Descendants count because a program may write its title over its environment, as PostgreSQL's backends do.
    """
    needle = f"{MARKER}={marker}".encode()
    parents: dict[int, int] = {}
    family: set[int] = set()
    for pid in _list_pids():
        try:
            parents[pid] = int(_read_stat(pid)[1])
            if needle in (_PROC / str(pid) / "environ").read_bytes().split(b"\0"):
                family.add(pid)
        except OSError:  # ended meanwhile, or not ours to look into
            continue
    grown = True
    while grown:
        children = {pid for pid, parent in parents.items() if parent in family} - family
        family |= children
        grown = bool(children)
    return {process for process in map(find_process, family) if process}


def stop(leader: Process | None, marker: str, number: signal.Signals, patience_s: float) -> None:
    """End a service: `number` to its leader, and SIGKILL to all of its family that is left after `patience_s`."""
    if leader:
        leader.send(number)
        wait_until(lambda: not leader.is_alive(), patience_s)
    kill(marker)


def kill(marker: str) -> None:
    """End a service's whole family by SIGKILL and wait until it is gone."""
    while family := find_family(marker):
        for process in family:
            process.send(signal.SIGKILL)
        # A dying process has lost its marker, and its leader is a zombie, while other threads still hold its ports.
        wait_until(lambda: all(_is_gone(process) for process in family), 5)


def _is_gone(process: Process) -> bool:
    """Return whether no thread of a process is left; a zombie that nobody has reaped has one."""
    try:
        threads = len(list(Path(f"/proc/{process.pid}/task").iterdir()))
    except OSError:
        return True
    return not process.is_alive() and threads <= 1


def wait_until(condition: Callable[[], bool], patience_s: float, interval_s: float = POLL_INTERVAL_S) -> bool:
    """Ask until `condition` holds; return whether it did within `patience_s`."""
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(interval_s)
    return True


def read_memory_bytes(family: Iterable[Process]) -> int:
    """Return the memory that the processes hold and share with nobody else counted once: proportional set size."""
    total = 0
    for process in family:
        try:
            rollup = (_PROC / str(process.pid) / "smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))
    return total


def _list_pids() -> list[int]:
    return [int(entry.name) for entry in _PROC.glob("[0-9]*")]


def _read_start_time(pid: int) -> int | None:
    try:
        stat = _read_stat(pid)
    except OSError:
        return None
    return None if stat[0] in "ZX" else int(stat[19])


def _read_stat(pid: int) -> list[str]:
    """Return the fields of /proc/<pid>/stat that follow the command's name: state, parent, …; proc(5) has them all."""
    # The name stands in parentheses and may itself hold spaces and parentheses.
    return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
