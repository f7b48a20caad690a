"""Elasticsearch: one node with security, users in files."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from typing_extensions import override

from stack import artifacts
from stack.config import HOST
from stack.http import get_json
from stack.services.base import Service

_HASH_ITERATIONS = 10_000
_JAVA = {"8": 17, "9": 21}
"""The oldest Java that a major version runs on."""
_UNWANTED = ("Xlog:gc", "ErrorFile", "jdk.incubator.vector")
"""In the distribution's own flags: what writes files into the current folder, and a module that small Javas lack."""


def hash_password(password: str) -> str:
    """Return what the file realm calls PBKDF2: HMAC-SHA512, with a salt of 32 bytes."""
    salt = secrets.token_bytes(32)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _HASH_ITERATIONS, dklen=32)
    encoded = (base64.b64encode(part).decode() for part in (salt, digest))
    return f"{{PBKDF2}}{_HASH_ITERATIONS}${'$'.join(encoded)}"


class Elasticsearch(Service):
    """The search server: users `elastic` (superuser), `pg2es` (the batch side) and `pg2es_sink` (the stream)."""

    @property
    @override
    def ports(self) -> tuple[str, ...]:
        return ("elasticsearch", "elasticsearch_transport")

    @override
    def prepare(self) -> None:
        for folder in ("data", "logs", "tmp"):
            self.user.make_folder(self.folder / folder)
        self._write("elasticsearch.yml", "".join(f"{key}: {value}\n" for key, value in self.settings().items()))
        self._write("roles.yml", (artifacts.FILES / "elasticsearch-roles.yml").read_text())
        self._write("users", self._format_users())
        self._write("users_roles", "superuser:elastic\npg2es:pg2es\npg2es_sink:pg2es_sink\n")
        self._write("log4j2.properties", (artifacts.FILES / "elasticsearch-log4j2.properties").read_text())
        flags = (self._home / "config" / "jvm.options").read_text().splitlines(keepends=True)
        self._write(
            "jvm.options", "".join(flag for flag in flags if not any(unwanted in flag for unwanted in _UNWANTED))
        )

    @override
    def command(self) -> Sequence[str | Path]:
        return [self._home / "bin" / "elasticsearch"]

    @override
    def variables(self) -> Mapping[str, str]:
        heap = self.config.memory["elasticsearch"]
        options = [f"-Xms{heap}", f"-Xmx{heap}", *self.config.java_options]
        return {
            "ES_PATH_CONF": str(self._config_folder),
            "ES_JAVA_HOME": str(artifacts.find_java_home(_JAVA[self._version])),
            # The built-in roles would be copied into an index that this distribution cannot make.
            "ES_JAVA_OPTS": " ".join([*options, "-Des.queryable_built_in_roles_enabled=false"]),
            "CLI_JAVA_OPTS": " ".join(self.config.java_options),  # of the JVM that starts it
            "ES_TMPDIR": str(self.folder / "tmp"),
        }

    @override
    def is_ready(self) -> bool:
        password = self.config.credentials["PG2ES_ELASTICSEARCH_SUPERUSER_PASSWORD"]
        health = get_json(self.config.ports["elasticsearch"], "/_cluster/health", "elastic", password)
        return health is not None and health["status"] in {"green", "yellow"}

    def settings(self) -> Mapping[str, object]:
        """Return what stands in elasticsearch.yml."""
        return {
            "cluster.name": "pg2es",
            "node.name": "pg2es-1",
            "path.data": self.folder / "data",
            "path.logs": self.folder / "logs",
            "path.repo": self.folder / "snapshots",
            "network.host": HOST,
            "http.port": self.config.ports["elasticsearch"],
            "transport.port": self.config.ports["elasticsearch_transport"],
            "discovery.type": "single-node",
            "xpack.security.enabled": "true",
            "xpack.security.enrollment.enabled": "false",
            # `elastic` comes from the users file like the rest; the built-in users would need an index for themselves.
            "xpack.security.authc.reserved_realm.enabled": "false",
            # Free space instead of the usual percentages, which a large and fairly full disk trips for no reason.
            "cluster.routing.allocation.disk.watermark.low": "3gb",
            "cluster.routing.allocation.disk.watermark.high": "2gb",
            "cluster.routing.allocation.disk.watermark.flood_stage": "1gb",
        }

    @property
    def _home(self) -> Path:
        return artifacts.require(f"elasticsearch-{self._version}/elasticsearch-*")

    @property
    def _version(self) -> str:
        return self.config.versions["elasticsearch"]

    @property
    def _config_folder(self) -> Path:
        return self.folder / "config"

    def _write(self, name: str, text: str) -> None:
        self.user.write_file(self._config_folder / name, text)

    def _format_users(self) -> str:
        passwords = {
            "elastic": "PG2ES_ELASTICSEARCH_SUPERUSER_PASSWORD",
            "pg2es": "PG2ES_ELASTICSEARCH_PASSWORD",
            "pg2es_sink": "PG2ES_ELASTICSEARCH_SINK_PASSWORD",
        }
        return "".join(f"{user}:{hash_password(self.config.credentials[name])}\n" for user, name in passwords.items())
