from __future__ import annotations

from pathlib import Path

import pytest

from stack.config import CONFIG_FILE, StackConfig, load_config, variable_of
from stack.errors import ConfigError

CONTRACT = {
    "PG2ES_POSTGRES_HOST",
    "PG2ES_POSTGRES_PORT",
    "PG2ES_POSTGRES_USER",
    "PG2ES_POSTGRES_PASSWORD",
    "PG2ES_KAFKA_BOOTSTRAP",
    "PG2ES_CONNECT_URLS",
    "PG2ES_CONNECT_USER",
    "PG2ES_CONNECT_PASSWORD",
    "PG2ES_ELASTICSEARCH_URLS",
    "PG2ES_ELASTICSEARCH_USER",
    "PG2ES_ELASTICSEARCH_PASSWORD",
    "PG2ES_ELASTICSEARCH_SINK_USER",
    "PG2ES_ELASTICSEARCH_SINK_PASSWORD",
}


@pytest.fixture
def config(tmp_path: Path) -> StackConfig:
    return load_config(environ={"PG2ES_STACK_DATA": str(tmp_path / "data")})


def test_the_file_alone_is_enough() -> None:
    config = load_config(environ={})

    assert config.data == CONFIG_FILE.parent.parent / ".stack"
    assert len(set(config.ports.values())) == len(config.ports)


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    environ = {
        "PG2ES_STACK_DATA": str(tmp_path),
        "PG2ES_STACK_PORT_CONNECT_1": "21083",
        "PG2ES_STACK_MEMORY_KAFKA": "300m",
    }

    config = load_config(environ=environ)

    assert config.data == tmp_path
    assert config.ports["connect_1"] == 21083
    assert config.memory["kafka"] == "300m"
    assert "http://127.0.0.1:21083" in config.environment()["PG2ES_CONNECT_URLS"]


def test_a_variable_that_overrides_nothing_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"PG2ES_STACK_PORT_KAFKAA overrides no key.*PG2ES_STACK_PORT_KAFKA,"):
        load_config(environ={"PG2ES_STACK_PORT_KAFKAA": "1"})


@pytest.mark.parametrize("value", ["kafka", "0", "65536", ""])
def test_a_port_is_a_number_that_exists(value: str) -> None:
    with pytest.raises(ConfigError, match=r"port\.kafka in stack\.toml \(or PG2ES_STACK_PORT_KAFKA\) is "):
        load_config(environ={"PG2ES_STACK_PORT_KAFKA": value})


def test_two_servers_cannot_have_one_port() -> None:
    port = load_config(environ={}).ports["postgres"]

    with pytest.raises(ConfigError, match=rf"port\.postgres and port\.kafka in stack\.toml are both {port}"):
        load_config(environ={"PG2ES_STACK_PORT_KAFKA": str(port)})


@pytest.mark.parametrize(("key", "variable"), [("data", "PG2ES_STACK_DATA"), ("port.kafka", "PG2ES_STACK_PORT_KAFKA")])
def test_each_key_has_its_variable(key: str, variable: str) -> None:
    assert variable_of(key) == variable


def test_the_environment_names_every_server(config: StackConfig) -> None:
    environment = config.environment()

    assert environment.keys() >= CONTRACT
    assert all(environment.values())


def test_services_are_not_given_the_superusers(config: StackConfig) -> None:
    assert config.service_environment().keys() == CONTRACT


def test_passwords_are_generated_once_and_kept_from_others(config: StackConfig) -> None:
    first = dict(config.credentials)
    again = load_config(environ={"PG2ES_STACK_DATA": str(config.data)}).credentials

    assert again == first
    assert (config.data / "secrets.env").stat().st_mode & 0o777 == 0o600


def test_a_credential_that_a_newer_version_needs_is_added(config: StackConfig) -> None:
    config.data.mkdir()
    (config.data / "secrets.env").write_text("PG2ES_POSTGRES_PASSWORD=kept\n")

    assert config.credentials["PG2ES_POSTGRES_PASSWORD"] == "kept"
    assert config.credentials["PG2ES_CONNECT_PASSWORD"]


def test_passwords_differ_between_data_folders(tmp_path: Path) -> None:
    one, two = (load_config(environ={"PG2ES_STACK_DATA": str(tmp_path / name)}).credentials for name in ("one", "two"))

    assert not set(one.values()) & set(two.values())
