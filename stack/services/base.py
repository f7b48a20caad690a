"""What the launcher needs to know of a server."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from signal import SIGTERM, Signals
from typing import ClassVar

from stack.config import StackConfig
from stack.identity import ServiceUser


class Service(ABC):
    """One server process. Subclasses say how it is prepared, started and asked whether it is ready."""

    needs: ClassVar[tuple[str, ...]] = ()
    """Services that must be ready before this one starts."""
    on_demand: ClassVar[bool] = False
    """Started only when it is named."""
    stop_signal: ClassVar[Signals] = SIGTERM
    ready_timeout_s: ClassVar[float] = 300
    stop_timeout_s: ClassVar[float] = 30

    def __init__(self, name: str, config: StackConfig, user: ServiceUser) -> None:
        self.name = name
        self.config = config
        self.user = user

    @property
    def folder(self) -> Path:
        """The server's own folder below the data folder."""
        return self.config.data / self.name

    @property
    def log(self) -> Path:
        """What the server writes to its standard output and error."""
        return self.config.logs / f"{self.name}.log"

    @property
    def pid_file(self) -> Path:
        """Holds the pid and start time of the server's leading process."""
        return self.config.run / f"{self.name}.pid"

    @property
    def marker(self) -> str:
        """Marks every process of this server; see `stack.processes`."""
        return f"{self.config.data}:{self.name}"

    @property
    @abstractmethod
    def ports(self) -> tuple[str, ...]:
        """Keys of stack.toml's [port] on which the server listens."""

    @abstractmethod
    def prepare(self) -> None:
        """Write configuration and create what the first start needs; harmless when repeated."""

    @abstractmethod
    def command(self) -> Sequence[str | Path]:
        """Return the program and its arguments."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Return whether the server does its work now. Never raises for a server that is merely not up yet."""

    def variables(self) -> Mapping[str, str]:
        """Return environment variables of this server alone."""
        return {}

    def set_up(self) -> None:  # noqa: B027 (few services need it)
        """Create what must be there before others use the server (roles, databases); harmless when repeated."""

    def environment(self) -> Mapping[str, str]:
        """Return the server's whole environment: the caller's, without settings meant for the caller alone."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON"))}
        return {**inherited, "HOME": str(self.config.data), **self.variables()}
