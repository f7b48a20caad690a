"""Apicurio Registry: the schemas of events that other programs read, kept in memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from typing_extensions import override

from stack import artifacts
from stack.config import HOST
from stack.http import get_json
from stack.services.base import Service


class SchemaRegistry(Service):
    """The registry, which asks nobody who he is."""

    on_demand = True

    @property
    @override
    def ports(self) -> tuple[str, ...]:
        return ("registry",)

    @override
    def prepare(self) -> None:
        self.user.make_folder(self.folder)

    @override
    def command(self) -> Sequence[str | Path]:
        return [
            artifacts.find_java_home() / "bin" / "java",
            f"-Xmx{self.config.memory['registry']}",
            *self.config.java_options,
            f"-Dquarkus.http.host={HOST}",
            f"-Dquarkus.http.port={self.config.ports['registry']}",
            f"-Djava.io.tmpdir={self.folder}",
            "-jar",
            artifacts.require("registry/server/apicurio-registry-app-*-runner.jar"),
        ]

    @override
    def is_ready(self) -> bool:
        return get_json(self.config.ports["registry"], "/apis/registry/v2/system/info") is not None
