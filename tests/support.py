"""What the tests that need servers share: databases of their own, and project folders."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import yaml
from elasticsearch import Elasticsearch
from psycopg.rows import TupleRow

from pg2es.core.pipeline import Pipeline
from pg2es.core.project import load_project
from pg2es.core.source import Source
from pg2es.services.clients import Clients

MAPPING: dict[str, Any] = {
    "settings": {"number_of_shards": 1, "number_of_replicas": 0},
    "mappings": {"dynamic": False, "properties": {}},
}


def connect(database: str, *, superuser: bool = False, **options: Any) -> psycopg.Connection[TupleRow]:
    """Return an autocommit connection to a database of the stack's PostgreSQL."""
    role = "PG2ES_POSTGRES_SUPERUSER" if superuser else "PG2ES_POSTGRES_USER"
    password = "PG2ES_POSTGRES_SUPERUSER_PASSWORD" if superuser else "PG2ES_POSTGRES_PASSWORD"
    return psycopg.connect(
        host=os.environ["PG2ES_POSTGRES_HOST"],
        port=int(os.environ["PG2ES_POSTGRES_PORT"]),
        dbname=database,
        user=os.environ[role],
        password=os.environ[password],
        autocommit=True,
        **options,
    )


@dataclass(frozen=True)
class Database:
    """A database that one test has for itself. Role pg2es owns it."""

    name: str

    def execute(self, *statements: str) -> None:
        """Run statements as pg2es, each in a transaction of its own."""
        self._execute(statements, superuser=False)

    def execute_as_superuser(self, *statements: str) -> None:
        """Run statements as the superuser; what they create is not pg2es' own."""
        self._execute(statements, superuser=True)

    def fetch(self, statement: str) -> list[TupleRow]:
        """Return the rows of a query."""
        with connect(self.name) as session:
            return session.execute(statement).fetchall()

    def _execute(self, statements: tuple[str, ...], *, superuser: bool) -> None:
        with connect(self.name, superuser=superuser) as session:
            for statement in statements:
                session.execute(statement)


@dataclass(frozen=True)
class ProjectFolder:
    """A configuration folder. Pipelines read source `source` and write to aliases that begin with `prefix`."""

    folder: Path
    source: str
    prefix: str

    def write(self, path: str, content: object) -> Path:
        """Write a file: text as it is, for other content JSON (which is YAML, too)."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content if isinstance(content, str) else json.dumps(content, indent=2), encoding="utf-8")
        return file

    def change(self, path: str, **values: Any) -> None:
        """Change top-level keys of a YAML file."""
        content = yaml.safe_load((self.folder / path).read_text(encoding="utf-8"))
        self.write(path, content | values)

    def add_pipeline(
        self,
        name: str,
        table: str,
        *,
        document: str | None = None,
        mapping: dict[str, Any] | None = None,
        **keys: Any,
    ) -> Pipeline:
        """Write a pipeline with its document SQL and mapping, and return it as loaded."""
        content = {"source": self.source, "table": table, "alias": f"{self.prefix}{name}", **keys}
        if document is not None:
            self.write(f"documents/{name}.sql", document)
            content["document"] = f"{name}.sql"
        self.write(f"mappings/{name}.json", MAPPING if mapping is None else mapping)
        self.write(f"pipelines/{name}.yaml", content)
        return self.clients().project.pipeline(name)

    def clients(self) -> Clients:
        """Return clients of the servers, for the files as they are now."""
        return Clients(load_project(self.folder))

    def source_model(self) -> Source:
        """Return the source as loaded."""
        return self.clients().project.source(self.source)


def open_elasticsearch() -> Elasticsearch:
    """Return a client of the batch jobs' user."""
    return Elasticsearch(
        os.environ["PG2ES_ELASTICSEARCH_URLS"].split(","),
        basic_auth=(os.environ["PG2ES_ELASTICSEARCH_USER"], os.environ["PG2ES_ELASTICSEARCH_PASSWORD"]),
    )
