"""Start and end services: everything that can happen at the same time does."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from graphlib import TopologicalSorter

from stack import processes
from stack.config import StackConfig, load_config, variable_of
from stack.errors import PortInUseError, ServiceFailedError, StackError, UnknownServiceError
from stack.identity import find_service_user
from stack.ports import find_port_holder, is_port_free
from stack.processes import Process
from stack.services import Service, build_services

_LOG_LINES_READ = 500
_LOG_LINES_IN_ERROR = 20
_READY_INTERVAL_S = 0.2


class State(StrEnum):
    """What has become of a service."""

    RUNNING = "running"
    STOPPED = "stopped"
    DEAD = "dead"
    """It was started and has ended without being asked to."""


@dataclass(frozen=True)
class Status:
    """A service as `python -m stack status` shows it."""

    name: str
    state: State
    pid: int | None
    ports: tuple[int, ...]
    memory_bytes: int


class Stack:
    """The services of one data folder. `report` is told, in one line, of each thing that was done."""

    def __init__(self, config: StackConfig | None = None, report: Callable[[str], None] = lambda _line: None) -> None:
        self.config = config or load_config()
        self.services = build_services(self.config, find_service_user(self.config))
        self._report = report

    def up(self, names: Sequence[str] = ()) -> None:
        """Bring services up with all they need (none named: the whole stack) and wait until each does its work."""
        wanted = [*map(self.find, names)] or [service for service in self.services.values() if not service.on_demand]
        self._start(self._with_needs(wanted))

    def start(self, name: str) -> None:
        """Start one service, without what it needs, and wait until it does its work."""
        self._start([self.find(name)])

    def down(self) -> None:
        """End every service, those first that others do not need; nothing is left running."""
        needed_by = {
            service.name: [other.name for other in self.services.values() if service.name in other.needs]
            for service in self.services.values()
        }
        with self._lock():
            self._for_each(list(self.services.values()), needed_by, self._stop_one)

    def clean(self) -> None:
        """End every service and remove the data folder, passwords included."""
        self.down()
        if self.config.credentials_file.exists():
            shutil.rmtree(self.config.data)

    def kill(self, name: str) -> None:
        """End one service as a crash would: SIGKILL to all of its processes."""
        processes.kill(self.find(name).marker)

    def status(self) -> list[Status]:
        """Return the state of every service."""
        return [self._inspect(service) for service in self.services.values()]

    def find(self, name: str) -> Service:
        """Return a service by name."""
        if name not in self.services:
            raise UnknownServiceError(f"there is no service {name!r}; there are {', '.join(self.services)}")
        return self.services[name]

    def _with_needs(self, wanted: Iterable[Service]) -> list[Service]:
        found: dict[str, Service] = {}
        open_ends = list(wanted)
        while open_ends:
            service = open_ends.pop()
            if service.name not in found:
                found[service.name] = service
                open_ends += [self.services[name] for name in service.needs]
        return list(found.values())

    def _start(self, services: Sequence[Service]) -> None:
        with self._lock():
            stopped = [service for service in services if not processes.read_pid_file(service.pid_file)]
            for service in stopped:
                # What a leader that died left behind would hold the ports and the data.
                processes.kill(service.marker)
            self._require_free_ports(stopped)
            self._for_each(services, {service.name: service.needs for service in services}, self._start_one)

    def _start_one(self, service: Service) -> None:
        leader = processes.read_pid_file(service.pid_file)
        if leader is None:
            service.prepare()
            command = [*service.user.prefix, *map(str, service.command())]
            leader = processes.spawn(command, service.environment(), service.log, service.marker)
            processes.write_pid_file(service.pid_file, leader)
        self._wait_until_ready(service, leader)
        service.set_up()
        self._report(f"{service.name} is ready")

    def _wait_until_ready(self, service: Service, leader: Process) -> None:
        def is_decided() -> bool:
            return not leader.is_alive() or service.is_ready()

        if processes.wait_until(is_decided, service.ready_timeout_s, _READY_INTERVAL_S):
            if leader.is_alive():
                return
            problem = "ended while it started"
        else:
            problem = f"was not ready within {service.ready_timeout_s:.0f} s"
        raise ServiceFailedError(f"{service.name} {problem}. The end of {service.log}:\n{_explain(service)}")

    def _stop_one(self, service: Service) -> None:
        leader = processes.read_pid_file(service.pid_file)
        processes.stop(leader, service.marker, service.stop_signal, service.stop_timeout_s)
        service.pid_file.unlink(missing_ok=True)
        if leader:
            self._report(f"{service.name} is stopped")

    def _inspect(self, service: Service) -> Status:
        leader = processes.read_pid_file(service.pid_file)
        ended = State.DEAD if service.pid_file.exists() else State.STOPPED
        return Status(
            name=service.name,
            state=State.RUNNING if leader else ended,
            pid=leader.pid if leader else None,
            ports=tuple(self.config.ports[port] for port in service.ports),
            memory_bytes=processes.read_memory_bytes(processes.find_family(service.marker)),
        )

    def _require_free_ports(self, services: Iterable[Service]) -> None:
        problems = [
            f"port {self.config.ports[key]}, wanted by {service.name}, is in use by "
            f"{find_port_holder(self.config.ports[key]) or 'a process of another user'}: "
            f"stop that, or set {key} under [port] in stack/stack.toml (or {variable_of(f'port.{key}')})"
            for service in services
            for key in service.ports
            if not is_port_free(self.config.ports[key])
        ]
        if problems:
            raise PortInUseError("\n".join(problems))

    def _for_each(
        self,
        services: Sequence[Service],
        after: Mapping[str, Sequence[str]],
        action: Callable[[Service], None],
    ) -> None:
        """Call `action` for each service once those in `after` are done, in parallel; raise all errors as one."""
        by_name = {service.name: service for service in services}
        graph = {name: [earlier for earlier in after[name] if earlier in by_name] for name in by_name}
        done: dict[str, Future[None]] = {}

        def run(name: str) -> None:
            for earlier in graph[name]:
                if done[earlier].exception():
                    raise StackError(f"{name} was left as it is, because {earlier} failed")
            action(by_name[name])

        # One thread each: a thread that waits for another service must not keep that one from running.
        with ThreadPoolExecutor(max_workers=len(services)) as pool:
            for name in TopologicalSorter(graph).static_order():
                done[name] = pool.submit(run, name)
            errors = [error for future in as_completed(done.values()) if (error := future.exception())]
        for error in errors:
            if not isinstance(error, StackError):
                raise error
        if errors:
            raise ServiceFailedError("\n\n".join(map(str, errors)))

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Let one launcher at a time change the stack."""
        self.config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.config.data / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def read_tail(service: Service, lines: int) -> list[str]:
    """Return the last lines of a service's log."""
    if not service.log.exists():
        return []
    return service.log.read_text(errors="replace").splitlines()[-lines:]


def _explain(service: Service) -> str:
    """Return the end of a service's log without Java's stack frames, which would push the errors out of sight."""
    telling = [line for line in read_tail(service, _LOG_LINES_READ) if not line.lstrip().startswith(("at ", "... "))]
    return "\n".join(telling[-_LOG_LINES_IN_ERROR:])
