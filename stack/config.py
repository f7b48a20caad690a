"""Where the embedded stack lives: ports, memory, folders, passwords, and the environment that its users read."""

from __future__ import annotations

import os
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from stack.credentials import load_credentials
from stack.errors import ConfigError

CHECKOUT = Path(__file__).resolve().parent.parent
CONFIG_FILE = CHECKOUT / "stack" / "stack.toml"
ENVIRONMENT_PREFIX = "PG2ES_STACK_"
FILE_VARIABLE = "PG2ES_STACK_FILE"
"""Names a file that is read over stack.toml; a relative path is below the checkout."""
HOST = "127.0.0.1"
_SERVERS = ("postgres", "connect", "airflow")


@dataclass(frozen=True)
class StackConfig:
    """Settings of one embedded stack.

    `versions`, `ports` and `memory` have the keys of stack.toml's tables; `java_options` go to every JVM; `settings`
    are those of a kind of server that go over ours; `data` is absolute.
    """

    data: Path
    versions: Mapping[str, str]
    ports: Mapping[str, int]
    memory: Mapping[str, str]
    java_options: tuple[str, ...]
    settings: Mapping[str, Mapping[str, str]]

    @property
    def logs(self) -> Path:
        """Folder of the servers' logs, one file for each service."""
        return self.data / "logs"

    @property
    def run(self) -> Path:
        """Folder of the pid files."""
        return self.data / "run"

    @property
    def credentials_file(self) -> Path:
        """Holds the generated passwords; where it is, the folder is a stack's."""
        return self.data / "secrets.env"

    @property
    def kafka_ca(self) -> Path:
        """PEM file of the authority that signed Kafka's certificate."""
        return self.data / "kafka" / "ca.pem"

    @property
    def kafka_certificate(self) -> Path:
        """PEM file of a client's certificate that Kafka trusts, and its key."""
        return self.data / "kafka" / "client.pem"

    @cached_property
    def credentials(self) -> Mapping[str, str]:
        """Generated passwords and keys, by name; made on first use."""
        return load_credentials(self.credentials_file)

    def environment(self) -> dict[str, str]:
        """Return every PG2ES_* variable: where the servers are and how to log in."""
        return self.service_environment() | {
            "PG2ES_POSTGRES_SUPERUSER": "postgres",
            "PG2ES_ELASTICSEARCH_SUPERUSER": "elastic",
            "PG2ES_KAFKA_SASL_BOOTSTRAP": f"{HOST}:{self.ports['kafka_sasl']}",
            "PG2ES_KAFKA_TLS_BOOTSTRAP": f"{HOST}:{self.ports['kafka_tls']}",
            "PG2ES_KAFKA_CA": str(self.kafka_ca),
            "PG2ES_KAFKA_CERTIFICATE": str(self.kafka_certificate),
            "PG2ES_KAFKA_USER": "pg2es",
            "PG2ES_AIRFLOW_URL": self.url("airflow"),
            "PG2ES_AIRFLOW_USER": "admin",
            "PG2ES_AIRFLOW_VIEWER": "viewer",
            **{name: value for name, value in self.credentials.items() if name.startswith("PG2ES_")},
        }

    def service_environment(self) -> dict[str, str]:
        """Return the PG2ES_* variables that pg2es itself reads, in Airflow and in Kafka Connect: no superusers."""
        passwords = ("POSTGRES", "CONNECT", "ELASTICSEARCH", "ELASTICSEARCH_SINK")
        return {
            "PG2ES_POSTGRES_HOST": HOST,
            "PG2ES_POSTGRES_PORT": str(self.ports["postgres"]),
            "PG2ES_POSTGRES_USER": "pg2es",
            "PG2ES_KAFKA_BOOTSTRAP": f"{HOST}:{self.ports['kafka']}",
            "PG2ES_CONNECT_URLS": f"{self.url('connect_1')},{self.url('connect_2')}",
            "PG2ES_CONNECT_USER": "pg2es",
            "PG2ES_ELASTICSEARCH_URLS": self.url("elasticsearch"),
            "PG2ES_ELASTICSEARCH_USER": "pg2es",
            "PG2ES_ELASTICSEARCH_SINK_USER": "pg2es_sink",
            **{f"PG2ES_{name}_PASSWORD": self.credentials[f"PG2ES_{name}_PASSWORD"] for name in passwords},
        }

    def worker_at(self, address: str) -> str:
        """Return the service that is the worker of Kafka Connect at `host:port`."""
        workers = ("connect-1", "connect-2", "connect-standalone")
        return next(name for name in workers if address.endswith(f":{self.ports[name.replace('-', '_')]}"))

    def url(self, port: str) -> str:
        """Return the HTTP address of a port of stack.toml."""
        return f"http://{HOST}:{self.ports[port]}"


def load_config(file: Path = CONFIG_FILE, environ: Mapping[str, str] = os.environ) -> StackConfig:
    """Read stack.toml, the file over it that PG2ES_STACK_FILE names, and the other PG2ES_STACK_* variables.

    Raises ConfigError for a key that does not exist, a port that is none, or one port given twice.
    """
    settings = _flatten(_read(file))
    own: dict[str, dict[str, str]] = {kind: {} for kind in _SERVERS}
    if over := environ.get(FILE_VARIABLE):
        document = _read(CHECKOUT / over)
        own |= _read_settings(document.pop("settings", {}), over)
        for key, value in _flatten(document).items():
            if key not in settings:
                raise ConfigError(f"{key} in {over} overrides no key of {file.name}; there are {', '.join(settings)}")
            settings[key] = value
    for name, value in environ.items():
        if name.startswith(ENVIRONMENT_PREFIX) and name != FILE_VARIABLE:
            key = name.removeprefix(ENVIRONMENT_PREFIX).lower().replace("_", ".", 1)
            if key not in settings:
                known = ", ".join(variable_of(known) for known in settings)
                raise ConfigError(f"{name} overrides no key of {file.name}; there are {known}")
            settings[key] = value
    shift = _parse_shift(settings["shift"])
    ports = {name: _parse_port(name, value, shift) for name, value in _select(settings, "port.").items()}
    _refuse_twins(ports)
    memory = {name: str(value) for name, value in _select(settings, "memory.").items()}
    return StackConfig(
        data=CHECKOUT / settings["data"],
        versions={name: str(value) for name, value in _select(settings, "version.").items()},
        ports=ports,
        memory=memory,
        java_options=tuple(shlex.split(settings["java.options"])),
        settings=own,
    )


def variable_of(key: str) -> str:
    """Return the environment variable that overrides a key of stack.toml, `port.kafka` for instance."""
    return ENVIRONMENT_PREFIX + key.replace(".", "_").upper()


def _read(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            return tomllib.load(stream)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {error}") from error


def _read_settings(tables: Mapping[str, Mapping[str, Any]], file: str) -> dict[str, dict[str, str]]:
    """Return the settings that a file gives servers; ConfigError for a kind of server that takes none."""
    if unknown := sorted({*tables} - {*_SERVERS}):
        raise ConfigError(f"settings.{unknown[0]} in {file}: there are settings of {', '.join(_SERVERS)}")
    return {kind: {name: str(value) for name, value in table.items()} for kind, table in tables.items()}


def _flatten(document: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in document.items():
        if isinstance(value, dict):
            flat |= {f"{key}.{inner}": setting for inner, setting in value.items()}
        else:
            flat[key] = value
    return flat


def _select(settings: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {key.removeprefix(prefix): value for key, value in settings.items() if key.startswith(prefix)}


def _parse_shift(value: Any) -> int:
    try:
        return int(value)
    except ValueError as error:
        raise ConfigError(
            f"shift in stack.toml (or {variable_of('shift')}) is {value!r}; it is a number that is added to each port"
        ) from error


def _parse_port(name: str, value: Any, shift: int) -> int:
    try:
        port = int(value) + shift
    except ValueError:
        port = 0
    if not 0 < port < 65536:
        where = f"port.{name} in stack.toml (or {variable_of(f'port.{name}')})"
        shifted = f" and shifted by {shift}" if shift else ""
        raise ConfigError(f"{where} is {value!r}{shifted}; a port is a number from 1 to 65535")
    return port


def _refuse_twins(ports: Mapping[str, int]) -> None:
    owner: dict[int, str] = {}
    for name, port in ports.items():
        if port in owner:
            raise ConfigError(f"port.{owner[port]} and port.{name} in stack.toml are both {port}; each needs its own")
        owner[port] = name
