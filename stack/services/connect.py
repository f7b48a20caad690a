"""Kafka Connect: two distributed workers, and a standalone one on demand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from typing_extensions import override

from stack import artifacts
from stack.config import HOST
from stack.http import get_json
from stack.services.base import Service
from stack.services.kafka import build_java_command, format_properties

_LOGIN_MODULE = "org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule"
SOURCE_CLASS = "io.debezium.connector.postgresql.PostgresConnector"


class ConnectWorker(Service):
    """What distributed and standalone workers have in common."""

    needs = ("kafka",)
    main_class: ClassVar[str]
    files: ClassVar[tuple[str, ...]]

    @property
    def port(self) -> str:
        """Key of the REST port in stack.toml."""
        return self.name.replace("-", "_")

    @property
    @override
    def ports(self) -> tuple[str, ...]:
        return (self.port, f"{self.port}_jmx", f"{self.port}_metrics")

    @override
    def prepare(self) -> None:
        credentials = self.folder / "rest.credentials"
        self.user.write_file(credentials, f"pg2es={self.config.credentials['PG2ES_CONNECT_PASSWORD']}\n")
        self.user.write_file(
            self.folder / "jaas.conf",
            f'KafkaConnect {{ {_LOGIN_MODULE} required file="{credentials}"; }};\n',
        )
        self.user.write_file(self.folder / "worker.properties", self._format_settings())

    @override
    def command(self) -> Sequence[str | Path]:
        jmx = self.config.ports[f"{self.port}_jmx"]
        options = [
            *self.config.java_options,
            self._agent,
            f"-Djava.security.auth.login.config={self.folder / 'jaas.conf'}",
            f"-Dcom.sun.management.jmxremote.port={jmx}",
            f"-Dcom.sun.management.jmxremote.rmi.port={jmx}",
            f"-Dcom.sun.management.jmxremote.host={HOST}",
            f"-Djava.rmi.server.hostname={HOST}",
            "-Dcom.sun.management.jmxremote.authenticate=false",
            "-Dcom.sun.management.jmxremote.ssl=false",
        ]
        properties = self.folder / "worker.properties"
        return build_java_command(self.config.memory["connect"], self.main_class, properties, options=options)

    @property
    def _agent(self) -> str:
        """The option that lets Prometheus scrape the worker's MBeans."""
        address = f"{HOST}:{self.config.ports[f'{self.port}_metrics']}"
        jar = artifacts.require("jmx-exporter/jmx_prometheus_javaagent.jar")
        return f"-javaagent:{jar}={address}:{artifacts.FILES / 'jmx-exporter.yml'}"

    @override
    def variables(self) -> Mapping[str, str]:
        """Connector configurations refer to the passwords as ${env:PG2ES_…}."""
        return self.config.service_environment()

    @override
    def is_ready(self) -> bool:
        password = self.config.credentials["PG2ES_CONNECT_PASSWORD"]
        port = self.config.ports[self.port]
        # /health alone answers before the plugins are known, /connector-plugins before the worker has joined its group.
        if get_json(port, "/health", "pg2es", password) is None:
            return False
        plugins = get_json(port, "/connector-plugins", "pg2es", password) or []
        return any(plugin["class"] == SOURCE_CLASS for plugin in plugins)

    def _format_settings(self) -> str:
        # Of a key that is there twice, Java's reader takes the last.
        ours = "".join((artifacts.FILES / name).read_text() for name in self.files)
        return ours + format_properties({**self.places(), **self.config.settings["connect"]})

    def places(self) -> dict[str, str]:
        """Return the settings that say where things are."""
        port = self.config.ports[self.port]
        return {
            "bootstrap.servers": f"{HOST}:{self.config.ports['kafka']}",
            "plugin.path": f"{artifacts.require('plugins')},{artifacts.SINK_PLUGINS}",
            "listeners": f"http://{HOST}:{port}",
            "rest.advertised.host.name": HOST,
            "rest.advertised.port": str(port),
        }


class DistributedWorker(ConnectWorker):
    """One of the two workers that share connectors; when one dies the other takes over within seconds."""

    main_class = "org.apache.kafka.connect.cli.ConnectDistributed"
    files = ("connect-worker.properties", "connect-distributed.properties")


class StandaloneWorker(ConnectWorker):
    """A worker on its own, which keeps offsets in a file."""

    on_demand = True
    main_class = "org.apache.kafka.connect.cli.ConnectStandalone"
    files = ("connect-worker.properties",)

    @override
    def places(self) -> dict[str, str]:
        return super().places() | {"offset.storage.file.filename": str(self.folder / "offsets")}
