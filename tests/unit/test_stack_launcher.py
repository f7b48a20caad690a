"""The launcher over real servers: PostgreSQL, which starts in a second, and a Kafka that cannot start."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from stack.config import StackConfig, load_config
from stack.errors import PortInUseError, ServiceFailedError, UnknownServiceError
from stack.identity import find_service_user
from stack.launcher import Stack, State
from stack.processes import find_family
from stack.services.elasticsearch import hash_password


@pytest.fixture
def config(tmp_path: Path) -> StackConfig:
    config = load_config(environ={"PG2ES_STACK_DATA": str(tmp_path / "data")})
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in config.ports]
    ports = dict(zip(config.ports, (listener.getsockname()[1] for listener in listeners), strict=True))
    for listener in listeners:
        listener.close()
    return replace(config, ports=ports)


@pytest.fixture
def stack(config: StackConfig) -> Iterator[Stack]:
    stack = Stack(config)
    yield stack
    stack.down()


def get_state(stack: Stack, name: str) -> State:
    return next(status.state for status in stack.status() if status.name == name)


def connect(config: StackConfig) -> psycopg.Connection:
    environment = config.environment()
    return psycopg.connect(
        host=environment["PG2ES_POSTGRES_HOST"],
        port=environment["PG2ES_POSTGRES_PORT"],
        user=environment["PG2ES_POSTGRES_USER"],
        password=environment["PG2ES_POSTGRES_PASSWORD"],
        dbname="postgres",
    )


def test_up_kill_start_down(stack: Stack) -> None:
    stack.up(["postgres"])
    assert get_state(stack, "postgres") is State.RUNNING
    with connect(stack.config) as connection:
        settings = connection.execute("SELECT current_setting('wal_level'), current_setting('timezone')").fetchone()
        assert settings == ("logical", "UTC")

    stack.kill("postgres")
    assert get_state(stack, "postgres") is State.DEAD

    stack.start("postgres")
    with connect(stack.config) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)

    stack.down()
    assert get_state(stack, "postgres") is State.STOPPED
    assert not find_family(stack.services["postgres"].marker)


def test_up_leaves_alone_what_runs(stack: Stack) -> None:
    stack.up(["postgres"])
    before = {status.name: status.pid for status in stack.status()}

    stack.up(["postgres"])

    assert {status.name: status.pid for status in stack.status()} == before


def test_servers_do_not_run_as_root(stack: Stack) -> None:
    stack.up(["postgres"])

    for process in find_family(stack.services["postgres"].marker):
        assert Path(f"/proc/{process.pid}").stat().st_uid != 0


def test_a_port_in_use_is_named_before_anything_starts(config: StackConfig) -> None:
    with socket.create_server(("127.0.0.1", config.ports["kafka"])), pytest.raises(PortInUseError) as caught:
        Stack(config).up(["postgres", "kafka"])

    message = str(caught.value)
    assert f"port {config.ports['kafka']}, wanted by kafka, is in use by process {os.getpid()}" in message
    assert "PG2ES_STACK_PORT_KAFKA" in message
    assert not (config.run / "postgres.pid").exists()


def test_a_server_that_ends_while_it_starts_is_reported_with_its_log(config: StackConfig) -> None:
    stack = Stack(replace(config, memory={**config.memory, "kafka": "bogus"}))

    with pytest.raises(ServiceFailedError) as caught:
        stack.up(["connect-1"])

    message = str(caught.value)
    assert "kafka ended while it started" in message
    assert "Invalid maximum heap size: -Xmxbogus" in message
    assert "connect-1 was left as it is, because kafka failed" in message
    assert get_state(stack, "kafka") is State.DEAD


def test_an_unknown_service_is_refused_with_the_known_ones(config: StackConfig) -> None:
    with pytest.raises(UnknownServiceError, match=r"no service 'postgre'; there are postgres, kafka"):
        Stack(config).up(["postgre"])


def test_what_few_need_starts_only_by_name(config: StackConfig) -> None:
    on_demand = [name for name, service in Stack(config).services.items() if service.on_demand]

    assert on_demand == ["connect-standalone", "registry"]


def test_files_for_the_servers_are_closed_to_others(config: StackConfig, tmp_path: Path) -> None:
    user = find_service_user(config)

    written = user.write_file(config.data / "folder" / "file", "secret")

    assert written.stat().st_mode & 0o777 == 0o600
    assert written.parent.stat().st_mode & 0o777 == 0o700
    assert written.stat().st_uid == user.uid


def test_two_hashes_of_one_password_differ() -> None:
    assert hash_password("secret") != hash_password("secret")
    assert hash_password("secret").startswith("{PBKDF2}10000$")
