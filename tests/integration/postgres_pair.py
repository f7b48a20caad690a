"""A primary with a standby of its own, and a proxy that leads to whichever is the primary."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import TupleRow

from pg2es.services.waiting import wait_for
from stack.config import HOST, load_config
from stack.identity import ServiceUser, find_service_user
from stack.ports import free_port
from stack.services.postgres import ensure_binaries
from tests.integration.proxies import Proxy, proxy

SUPERUSER = "postgres"
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "timezone": "UTC",
    "wal_level": "logical",
    "wal_keep_size": "256MB",
    "hot_standby_feedback": "on",
    "fsync": "off",
    "full_page_writes": "off",
}
NOT_COPIED = shutil.ignore_patterns("postmaster.pid", "postmaster.opts", "pg_wal", "pg_replslot")


def find_binaries() -> Path:
    """Return where the PostgreSQL of the stack is."""
    return ensure_binaries(load_config().versions["postgres"])


@dataclass
class Server:
    """A PostgreSQL of this test alone."""

    folder: Path
    user: ServiceUser
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        (self.folder / "postmaster.pid").unlink(missing_ok=True)
        options = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        command = [find_binaries() / "bin" / "postgres", "-D", self.folder, "-p", str(self.port), *options]
        with self.folder.with_suffix(".log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self.user.prefix, *map(str, command)], stdout=log, stderr=log, start_new_session=True, cwd="/"
            )
        wait_for(self._answers, timeout_s=30, on_timeout=lambda: AssertionError(f"{self.folder} does not start"))

    def kill(self) -> None:
        """End it as a power cut would, with all of its processes."""
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def connect(self) -> psycopg.Connection[TupleRow]:
        """Return an autocommit connection of the superuser."""
        password = os.environ["PG2ES_POSTGRES_SUPERUSER_PASSWORD"]
        return psycopg.connect(
            host=HOST, port=self.port, user=SUPERUSER, password=password, dbname="postgres", autocommit=True
        )

    def ask(self, query: str) -> Any:
        """Return the one value that a query gives."""
        with self.connect() as session:
            row = session.execute(query.encode()).fetchone()
            return row[0] if row else None

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True


@dataclass
class Pair:
    """The two servers and the proxy."""

    primary: Server
    standby: Server
    proxy: Proxy

    def wait_until_slots_are_synchronized(self, slot: str) -> None:
        """Return when the standby has the slot, fit for a promotion, and all that the primary has."""
        query = f"SELECT count(*) FROM pg_replication_slots WHERE slot_name = '{slot}' AND synced AND NOT temporary"
        wait_for(
            lambda: self.standby.ask(query) == 1,
            timeout_s=60,
            on_timeout=lambda: AssertionError(f"slot {slot} is not synchronized"),
        )

    def make_synchronous(self) -> None:
        """Let a commit be acknowledged, and decoded, only when the standby has it."""
        with self.primary.connect() as session:
            for setting, value in (("synchronous_standby_names", "*"), ("synchronized_standby_slots", "standby")):
                session.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(setting), sql.Literal(value)))
            session.execute("SELECT pg_reload_conf()")

    def cut(self) -> None:
        """Let the standby get nothing any more; what is committed from now on will be lost."""
        sent = str(self.primary.ask("SELECT pg_current_wal_flush_lsn()"))
        wait_for(
            lambda: self.standby.ask(f"SELECT pg_last_wal_replay_lsn() >= '{sent}'"),
            timeout_s=30,
            on_timeout=lambda: AssertionError("the standby does not catch up"),
        )
        with self.standby.connect() as session:
            session.execute("ALTER SYSTEM SET primary_conninfo = ''")
            session.execute("SELECT pg_reload_conf()")
        wait_for(
            lambda: self.standby.ask("SELECT count(*) FROM pg_stat_wal_receiver") == 0,
            timeout_s=30,
            on_timeout=lambda: AssertionError("the standby still receives"),
        )

    def promote(self) -> None:
        """Kill the primary, let the standby take its place, and lead everybody there."""
        self.primary.kill()
        self.standby.ask("SELECT pg_promote()")
        self.proxy.lead_to(self.standby.port)


@contextmanager
def postgres_pair(*, synchronized: bool) -> Iterator[Pair]:
    """Give a pair to which PG2ES_POSTGRES_PORT leads meanwhile; `synchronized`: the standby has the slots, too."""
    config = load_config()
    user = find_service_user(config)
    folder = user.make_folder(config.data / "pair")
    primary, standby = Server(folder / "primary", user), Server(folder / "standby", user)
    try:
        _initialize(primary)
        primary.start()
        _copy(primary, standby)
        login = f"user={SUPERUSER} password={os.environ['PG2ES_POSTGRES_SUPERUSER_PASSWORD']}"
        with (standby.folder / "postgresql.conf").open("a") as settings:
            settings.write(f"primary_conninfo = 'host={HOST} port={primary.port} dbname=postgres {login}'\n")
            settings.write(f"primary_slot_name = 'standby'\nsync_replication_slots = {str(synchronized).lower()}\n")
        standby.start()
        with proxy(primary.port) as before, pytest.MonkeyPatch.context() as patch:
            patch.setenv("PG2ES_POSTGRES_PORT", str(before.port))
            yield Pair(primary, standby, before)
    finally:
        primary.kill()
        standby.kill()
        shutil.rmtree(folder)


def _initialize(server: Server) -> None:
    password = server.user.write_file(
        server.folder.with_suffix(".password"), os.environ["PG2ES_POSTGRES_SUPERUSER_PASSWORD"]
    )
    options = {
        "pgdata": server.folder,
        "username": SUPERUSER,
        "pwfile": password,
        "auth": "scram-sha-256",
        "encoding": "UTF8",
        "locale": "C",
    }
    initdb = find_binaries() / "bin" / "initdb"
    server.user.run([initdb, *(f"--{name}={value}" for name, value in options.items())], os.environ)


def _copy(primary: Server, standby: Server) -> None:
    """Make the standby from a base backup; the role of pg2es is in it."""
    login = sql.Literal(os.environ["PG2ES_POSTGRES_PASSWORD"])
    with primary.connect() as session:
        session.execute(sql.SQL("CREATE ROLE pg2es LOGIN REPLICATION PASSWORD {}").format(login))
        session.execute("SELECT pg_create_physical_replication_slot('standby', true)")
        session.execute("SELECT pg_backup_start('standby', true)")
        shutil.copytree(primary.folder, standby.folder, ignore=NOT_COPIED)
        row = session.execute("SELECT labelfile FROM pg_backup_stop(false)").fetchone()
        assert row
    for name in ("pg_wal/archive_status", "pg_wal/summaries", "pg_replslot"):
        (standby.folder / name).mkdir(parents=True)
    (standby.folder / "backup_label").write_text(row[0])
    (standby.folder / "standby.signal").touch()
    standby.folder.chmod(0o700)
    for path in (standby.folder, *standby.folder.rglob("*")):
        if os.geteuid() == 0:
            os.chown(path, standby.user.uid, standby.user.gid)
