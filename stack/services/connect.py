"""Kafka Connect: two distributed workers, and a standalone one on demand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from typing_extensions import override

from stack import artifacts
from stack.config import HOST
from stack.http import get_json
from stack.services.base import Service
from stack.services.kafka import build_java_command, format_properties

_REST_AUTH = "org.apache.kafka.connect.rest.basic.auth.extension"
_PROVIDERS = "org.apache.kafka.common.config.provider"
_JSON_CONVERTER = "org.apache.kafka.connect.json.JsonConverter"
SOURCE_CLASS = "io.debezium.connector.postgresql.PostgresConnector"


class ConnectWorker(Service):
    """What distributed and standalone workers have in common."""

    needs = ("kafka",)
    main_class = "org.apache.kafka.connect.cli.ConnectDistributed"

    @property
    def port(self) -> str:
        """Key of the REST port in stack.toml."""
        return self.name.replace("-", "_")

    @property
    @override
    def ports(self) -> tuple[str, ...]:
        return (self.port, f"{self.port}_jmx")

    @override
    def prepare(self) -> None:
        credentials = self.folder / "rest.credentials"
        self.user.write_file(credentials, f"pg2es={self.config.credentials['PG2ES_CONNECT_PASSWORD']}\n")
        self.user.write_file(
            self.folder / "jaas.conf",
            f'KafkaConnect {{ {_REST_AUTH}.PropertyFileLoginModule required file="{credentials}"; }};\n',
        )
        self.user.write_file(self.folder / "worker.properties", format_properties(self.worker_settings()))

    @override
    def command(self) -> Sequence[str | Path]:
        jmx = self.config.ports[f"{self.port}_jmx"]
        options = [
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

    def worker_settings(self) -> dict[str, str]:
        """Return the worker's configuration."""
        port = self.config.ports[self.port]
        return {
            "bootstrap.servers": f"{HOST}:{self.config.ports['kafka']}",
            "key.converter": _JSON_CONVERTER,
            "key.converter.schemas.enable": "false",
            "value.converter": _JSON_CONVERTER,
            "value.converter.schemas.enable": "false",
            "plugin.path": f"{artifacts.require('plugins')},{artifacts.SINK_PLUGINS}",
            "plugin.discovery": "service_load",
            "config.providers": "env,file",
            "config.providers.env.class": f"{_PROVIDERS}.EnvVarConfigProvider",
            "config.providers.file.class": f"{_PROVIDERS}.FileConfigProvider",
            "connector.client.config.override.policy": "All",
            "offset.flush.interval.ms": "5000",
            "listeners": f"http://{HOST}:{port}",
            "rest.advertised.host.name": HOST,
            "rest.advertised.port": str(port),
            "rest.extension.classes": f"{_REST_AUTH}.BasicAuthSecurityRestExtension",
        }


class DistributedWorker(ConnectWorker):
    """One of the two workers that share connectors; when one dies the other takes over within seconds."""

    @override
    def worker_settings(self) -> dict[str, str]:
        return super().worker_settings() | {
            "group.id": "pg2es-connect",
            "config.storage.topic": "pg2es-connect-configs",
            "config.storage.replication.factor": "1",
            "offset.storage.topic": "pg2es-connect-offsets",
            "offset.storage.replication.factor": "1",
            "offset.storage.partitions": "5",
            "status.storage.topic": "pg2es-connect-status",
            "status.storage.replication.factor": "1",
            "status.storage.partitions": "1",
            # Kafka's own values (45 s until a dead worker is noticed, 300 s until its tasks move) suit clusters
            # where a worker restarts more often than it dies.
            "session.timeout.ms": "10000",
            "heartbeat.interval.ms": "2000",
            "scheduled.rebalance.max.delay.ms": "5000",
        }


class StandaloneWorker(ConnectWorker):
    """A worker on its own, which keeps offsets in a file."""

    on_demand = True
    main_class = "org.apache.kafka.connect.cli.ConnectStandalone"

    @override
    def worker_settings(self) -> dict[str, str]:
        return super().worker_settings() | {"offset.storage.file.filename": str(self.folder / "offsets")}
