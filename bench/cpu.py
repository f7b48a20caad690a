"""CPU seconds of the servers, by name: what a measurement costs, and whom."""

import os
import statistics
from pathlib import Path

from bench.results import Result
from stack.launcher import Stack
from stack.processes import find_family

_TICKS = os.sysconf("SC_CLK_TCK")


def read_cpu_seconds() -> dict[str, float]:
    """Return the CPU seconds of each server of the stack since its start, children that have ended included."""
    services = Stack().services.values()
    return {service.name: sum(_read(process.pid) for process in find_family(service.marker)) for service in services}


def cpu_since(before: dict[str, float]) -> dict[str, float]:
    """Return what each server has used since `before`: the Connect workers together, those with nothing left out."""
    used: dict[str, float] = {}
    for name, seconds in read_cpu_seconds().items():
        group = "connect" if name.startswith("connect") else name
        used[group] = used.get(group, 0.0) + seconds - before.get(name, 0.0)
    return {name: round(seconds, 1) for name, seconds in used.items() if seconds >= 0.05}


def _read(pid: int) -> float:
    """Return user and system time of a process and of its children that have ended; 0 when it has ended itself."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    fields = stat[stat.rindex(")") + 2 :].split()
    return sum(map(int, fields[11:15])) / _TICKS


def per_million(rounds: list[dict[str, float]], rows: int, name: str) -> dict[str, Result]:
    """Return the CPU seconds of each server for a million rows, the median of the rounds, as results."""
    servers = sorted({server for used in rounds for server in used})
    return {
        f"{name}_cpu_s_per_million_{server}": Result(
            round(statistics.median(used.get(server, 0.0) for used in rounds) * 1_000_000 / rows, 1), "s", None, "lower"
        )
        for server in servers
    }
