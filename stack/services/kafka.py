"""Apache Kafka: one node that is broker and controller (KRaft)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from typing_extensions import override

from stack import artifacts
from stack.certificates import make_authority
from stack.config import HOST
from stack.services.base import Service

_PLAIN_LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
_SCRAM_LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule"
_TOKEN_LOGIN = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule"  # noqa: S105 - a class
_SILENT = logging.getLogger("stack.librdkafka")
_SILENT.setLevel(logging.CRITICAL)


def format_properties(settings: dict[str, str]) -> str:
    """Return the text of a Java properties file."""
    return "".join(f"{key}={value}\n" for key, value in settings.items())


def build_java_command(
    heap: str, main_class: str, *arguments: str | Path, options: Sequence[str] = ()
) -> list[str | Path]:
    """Return the command line of a program from Kafka's class path."""
    return [
        artifacts.find_java_home() / "bin" / "java",
        f"-Xmx{heap}",
        "-XX:+ExitOnOutOfMemoryError",
        f"-Dlog4j2.configurationFile={artifacts.FILES / 'log4j2.properties'}",
        *options,
        "-cp",
        artifacts.require("kafka/libs") / "*",
        main_class,
        *arguments,
    ]


class Kafka(Service):
    """The broker. Topics are made by name only: a typing error must not become a topic.

    It listens for anybody on this machine, and, as brokers elsewhere do, with TLS for those who log in, and for those
    who show a certificate.
    """

    @property
    @override
    def ports(self) -> tuple[str, ...]:
        return ("kafka", "kafka_controller", "kafka_sasl", "kafka_tls")

    @override
    def prepare(self) -> None:
        properties = self.user.write_file(self._properties, format_properties(self.settings()))
        if not self.config.kafka_ca.exists():
            authority = make_authority("Kafka of pg2es")
            server = authority.issue("kafka")
            self.user.write_file(self._keystore, server.key_pem + server.pem)
            client = authority.issue(self.config.environment()["PG2ES_KAFKA_USER"])
            self.user.write_file(self.config.kafka_certificate, client.key_pem + client.pem)
            self.user.write_file(self.config.kafka_ca, authority.pem)
        if not (self.folder / "data" / "meta.properties").exists():
            cluster = self.config.credentials["KAFKA_CLUSTER_ID"]
            variables = self.config.environment()
            login = f"name={variables['PG2ES_KAFKA_USER']},password={variables['PG2ES_KAFKA_PASSWORD']}"
            format_storage = build_java_command(
                "128m", "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", properties,
                "--add-scram", f"SCRAM-SHA-512=[{login}]",
            )  # fmt: skip
            self.user.run(format_storage, self.environment())

    @override
    def command(self) -> Sequence[str | Path]:
        return build_java_command(
            self.config.memory["kafka"], "kafka.Kafka", self._properties, options=self.config.java_options
        )

    @override
    def is_ready(self) -> bool:
        address = f"{HOST}:{self.config.ports['kafka']}"
        client = AdminClient({"bootstrap.servers": address, "socket.timeout.ms": 2000}, logger=_SILENT)
        try:
            return bool(client.list_topics(timeout=2).brokers)
        except KafkaException:
            return False

    def settings(self) -> dict[str, str]:
        """Return the content of server.properties."""
        broker, controller, login, tls = (f"{HOST}:{self.config.ports[port]}" for port in self.ports)
        variables = self.config.environment()
        name = variables["PG2ES_KAFKA_USER"]
        user = f'user_{name}="{variables["PG2ES_KAFKA_PASSWORD"]}"'
        addresses = f"PLAINTEXT://{broker},SASL_SSL://{login},SSL://{tls}"
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{controller}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"{addresses},CONTROLLER://{controller}",
            "advertised.listeners": addresses,
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT",
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512,OAUTHBEARER",
            "listener.name.sasl_ssl.plain.sasl.jaas.config": f"{_PLAIN_LOGIN} required {user};",
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": f"{_SCRAM_LOGIN} required;",
            # Tokens that nobody has signed: on this machine anybody may come in anyway.
            "listener.name.sasl_ssl.oauthbearer.sasl.jaas.config": f"{_TOKEN_LOGIN} required;",
            "listener.name.ssl.ssl.client.auth": "required",
            # Whoever does not log in may do everything, as before there were rules, and so may the first user.
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:ANONYMOUS;User:{name};User:CN={name}",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self._keystore),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.config.kafka_ca),
            "log.dirs": str(self.folder / "data"),
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": "0",
            "offsets.topic.num.partitions": "5",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.num.partitions": "5",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
        }

    @property
    def _keystore(self) -> Path:
        return self.folder / "server.pem"

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"
