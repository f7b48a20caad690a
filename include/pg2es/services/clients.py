"""Clients of the servers that a project names, made when they are first needed."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pg2es.adapters.airflow import Airflow
from pg2es.adapters.connect import ConnectCluster
from pg2es.adapters.elasticsearch import Client, ElasticsearchAccess, url_of_cloud
from pg2es.adapters.kafka import Admin, KafkaAccess
from pg2es.adapters.postgres import PostgresAccess, Session, open_session
from pg2es.core.config import (
    LAST_PORT,
    Pipeline,
    Project,
    Source,
    check_readable,
    check_urls,
    resolve_entries,
    resolve_fields,
)
from pg2es.core.errors import ConfigError

_CERTIFICATES = ("ca_certificate", "client_certificate")


class Clients:
    """The servers of a project.

    `access` overrides how the batch jobs reach a source: Airflow passes one that knows its connections. It returns None
    where it knows nothing.
    """

    def __init__(self, project: Project, access: Callable[[Source], PostgresAccess | None] | None = None) -> None:
        self.project = project
        self._access = access

    def postgres(self, source: Source) -> PostgresAccess:
        """Return how the batch jobs reach a source's database."""
        if access := self._access and self._access(source):
            return access
        access = self._postgres_of_file(source)
        for name, path in access.certificates.items():
            check_readable(path, self.project.source_file(source), f"postgres.{name}")
        return access

    def postgres_of_connectors(self, source: Source) -> PostgresAccess:
        """Return how the connectors reach a source's database: as its file says, whoever deploys them."""
        access = self._postgres_of_file(source)
        there: dict[str, Any] = {name: self.on_workers(path) for name, path in access.certificates.items()}
        return replace(access, **there)

    def on_workers(self, path: str) -> str:
        """Return where the workers of Kafka Connect have a file that the batch jobs have at a path."""
        places = self.project.platform.connect.files
        here = next((here for here in (path, *map(str, PurePosixPath(path).parents)) if here in places), None)
        return path if here is None else places[here] + path.removeprefix(here)

    def _postgres_of_file(self, source: Source) -> PostgresAccess:
        file = self.project.source_file(source)
        values = resolve_fields(source.postgres, file, "postgres.")
        if not values["port"].isdecimal() or not 0 < int(values["port"]) <= LAST_PORT:
            raise ConfigError(file, "postgres.port", f"expected a port, 1 to {LAST_PORT}, found {values['port']!r}")
        return PostgresAccess(**{**values, "port": int(values["port"])})

    @contextmanager
    def session(self, source: Source) -> Iterator[Session]:
        """Give a session in a source's database."""
        with open_session(self.postgres(source)) as session:
            yield session

    def session_of(self, pipeline: Pipeline) -> AbstractContextManager[Session]:
        """Give a session in the database that a pipeline reads."""
        return self.session(self.project.source_of(pipeline))

    def elasticsearch_access(self, whose: Literal["", "sink_"] = "") -> ElasticsearchAccess:
        """Return how Elasticsearch is reached, by the login of the batch jobs or that of the sinks."""
        values = resolve_fields(self.project.platform.elasticsearch, self._file, "elasticsearch.")
        urls = values["urls"] or (self._url_of_cloud(values["cloud_id"]),)
        check_urls(urls, self._file, "elasticsearch.urls")
        given = next((name for name in _CERTIFICATES if values[name]), None)
        if given and any(url.startswith("http:") for url in urls):
            problem = f"there is a {given}, but an address begins with http:; write https:"
            raise ConfigError(self._file, "elasticsearch.urls", problem)
        files = self._certificates(values, "elasticsearch")
        login = {name: values[f"{whose}{name}"] for name in ("user", "password", "api_key", "token")}
        return ElasticsearchAccess(urls, **login, **files)

    def _certificates(self, values: dict[str, Any], section: str) -> dict[str, Any]:
        """Return the files of certificates that a section of the platform's file names; each can be read."""
        files = {name: values[name] for name in _CERTIFICATES if values[name]}
        for name, path in files.items():
            check_readable(path, self._file, f"{section}.{name}")
        return files

    def _url_of_cloud(self, cloud_id: str) -> str:
        try:
            return url_of_cloud(cloud_id)
        except ValueError as error:
            problem = f"expected the Cloud ID of a deployment, name:base64, found {cloud_id!r}"
            raise ConfigError(self._file, "elasticsearch.cloud_id", problem) from error

    @cached_property
    def elasticsearch(self) -> Client:
        """The client of the batch jobs."""
        return Client.open(self.elasticsearch_access())

    @cached_property
    def kafka_access(self) -> KafkaAccess:
        """How Kafka is reached."""
        settings = self.project.platform.kafka
        values = resolve_fields(settings, self._file, "kafka.")
        return KafkaAccess(values["bootstrap"], resolve_entries(settings.properties, self._file, "kafka.properties"))

    @cached_property
    def kafka(self) -> Admin:
        """The client for topics and offsets."""
        return self.kafka_access.admin()

    @cached_property
    def connect(self) -> ConnectCluster:
        """The Connect cluster."""
        values = resolve_fields(self.project.platform.connect, self._file, "connect.")
        check_urls(values["urls"], self._file, "connect.urls")
        files = self._certificates(values, "connect")
        return ConnectCluster(values["urls"], values["user"], values["password"], **files)

    @cached_property
    def airflow(self) -> Airflow:
        """Airflow's API; ConfigError where the file does not say where it is."""
        values = resolve_fields(self.project.platform.airflow, self._file, "airflow.")
        if values["url"] is None or not (values["user"] or values["token"]):
            raise ConfigError(self._file, "airflow.url", "is where? Write url, and user and password, or token")
        check_urls((values["url"],), self._file, "airflow.url")
        if path := values["ca_certificate"]:
            check_readable(path, self._file, "airflow.ca_certificate")
        return Airflow(values["url"], values["user"], values["password"], token=values["token"], ca_certificate=path)

    def close(self) -> None:
        """Close the connections that a client keeps open, where one was made."""
        if "elasticsearch" in self.__dict__:
            self.elasticsearch.close()
            self.elasticsearch.raw.close()

    @property
    def _file(self) -> Path:
        return self.project.platform_file
