"""PostgreSQL: the source database, and a second instance that holds Airflow's metadata."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from signal import SIGINT
from typing import ClassVar

import psycopg
from psycopg import sql
from typing_extensions import override

from stack import artifacts
from stack.config import HOST
from stack.services.base import Service


def ensure_binaries(version: str) -> Path:
    """Unpack the archive of a PostgreSQL beside itself unless that was done; return the folder that has `bin`."""
    archive = artifacts.require(f"postgres-{version}/*.txz")
    folder = archive.with_suffix("")
    with archive.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several stacks may start at once
        if not folder.exists() or folder.stat().st_mtime < archive.stat().st_mtime:
            # Unpacked aside and renamed: a folder that exists is whole.
            draft = Path(tempfile.mkdtemp(dir=archive.parent))
            subprocess.run(["tar", "-xJf", archive, "-C", draft], check=True)
            draft.chmod(0o755)
            os.utime(draft)
            shutil.rmtree(folder, ignore_errors=True)
            draft.rename(folder)
    return folder


_BUILTIN = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8")
_LOCALE = {"17": _BUILTIN, "18": _BUILTIN}
"""By major version; older ones have no locale of their own."""
_SINCE = {"scram_iterations": 16}
"""The first major version that has a setting; older ones do not start with it."""


class Postgres(Service):
    """One PostgreSQL instance with password authentication, in UTC, reachable over TCP only."""

    superuser: ClassVar[str]
    credential: ClassVar[str]
    settings: ClassVar[dict[str, str]]
    # Fast shutdown: do not wait for clients to leave.
    stop_signal = SIGINT

    @property
    @abstractmethod
    def port(self) -> int:
        """The TCP port."""

    @property
    def password(self) -> str:
        """The superuser's password."""
        return self.config.credentials[self.credential]

    @override
    def prepare(self) -> None:
        binaries = ensure_binaries(self._version)
        # Nothing of this server runs when it is prepared. After a kill its pid may still be there as a zombie (in
        # containers often for good), which PostgreSQL would take for a living postmaster.
        (self.folder / "postmaster.pid").unlink(missing_ok=True)
        if (self.folder / "PG_VERSION").exists():
            return
        # Initialised aside and renamed: a cluster that was cut short is never taken for a whole one.
        draft = self.folder.with_name(f"{self.name}.new")
        shutil.rmtree(draft, ignore_errors=True)
        password_file = self.user.write_file(self.config.run / f"{self.name}.password", self.password)
        self.user.run(
            [
                binaries / "bin" / "initdb",
                f"--pgdata={draft}",
                f"--username={self.superuser}",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                *_LOCALE.get(self._version, ()),
                "--locale=C",
            ],
            self.environment(),
        )
        password_file.unlink()
        draft.rename(self.folder)

    @override
    def command(self) -> Sequence[str | Path]:
        addresses = {"port": str(self.port), "listen_addresses": HOST, "unix_socket_directories": ""}
        own = self.config.settings["postgres"].items()
        known = {name: value for name, value in own if int(self._version) >= _SINCE.get(name, 0)}
        settings = {**self.settings, **known, "timezone": "UTC", "log_timezone": "UTC", **addresses}
        options = [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]
        return [ensure_binaries(self._version) / "bin" / "postgres", "-D", self.folder, *options]

    @property
    def _version(self) -> str:
        return self.config.versions["postgres"]

    @override
    def is_ready(self) -> bool:
        try:
            with self.connect() as connection:
                return connection.execute("SELECT NOT pg_is_in_recovery()").fetchone() == (True,)
        except psycopg.OperationalError:
            return False

    def connect(self) -> psycopg.Connection:
        """Return an autocommit connection of the superuser to the database `postgres`."""
        return psycopg.connect(
            host=HOST,
            port=self.port,
            user=self.superuser,
            password=self.password,
            dbname="postgres",
            connect_timeout=5,
            autocommit=True,
        )


class SourceDatabase(Postgres):
    """The database server that pg2es reads from."""

    superuser = "postgres"
    credential = "PG2ES_POSTGRES_SUPERUSER_PASSWORD"
    settings: ClassVar[dict[str, str]] = {
        "wal_level": "logical",
        "max_replication_slots": "20",
        "max_wal_senders": "20",
        "max_connections": "200",
        "shared_buffers": "256MB",
    }

    @property
    @override
    def ports(self) -> tuple[str, ...]:
        return ("postgres",)

    @property
    @override
    def port(self) -> int:
        return self.config.ports["postgres"]

    @override
    def set_up(self) -> None:
        """Create the role `pg2es`, which may replicate and owns nothing."""
        password = sql.Literal(self.config.credentials["PG2ES_POSTGRES_PASSWORD"])
        with self.connect() as connection:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'pg2es'").fetchone():
                connection.execute(sql.SQL("CREATE ROLE pg2es LOGIN REPLICATION PASSWORD {}").format(password))


class AirflowDatabase(Postgres):
    """Airflow's metadata, apart from the source so that a test can kill the source alone."""

    superuser = "airflow"
    credential = "AIRFLOW_DB_PASSWORD"
    settings: ClassVar[dict[str, str]] = {"max_connections": "200", "synchronous_commit": "off"}

    @property
    @override
    def ports(self) -> tuple[str, ...]:
        return ("airflow_db",)

    @property
    @override
    def port(self) -> int:
        return self.config.ports["airflow_db"]

    @override
    def set_up(self) -> None:
        """Create the database `airflow`."""
        with self.connect() as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'airflow'").fetchone():
                connection.execute("CREATE DATABASE airflow")
