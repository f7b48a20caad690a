"""The ground that measurements stand on: a database of their own, a flat table, a pipeline over it."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from pg2es.core.config import Pipeline, Source, load_project
from pg2es.services.clients import Clients
from pg2es.services.generations import Generation, create_generation, read_recipe
from pg2es.services.stream import remove_source

DATABASE = "bench"
PIPELINE = "bench-flat"

_SOURCE = """\
postgres:
  host: ${env:PG2ES_POSTGRES_HOST}
  port: ${env:PG2ES_POSTGRES_PORT}
  database: bench
  user: ${env:PG2ES_POSTGRES_USER}
  password: ${env:PG2ES_POSTGRES_PASSWORD}
"""

_PIPELINE = """\
source: bench
table: public.flat
"""

# Twelve columns of the usual kinds, two of them searched as text: about 450 bytes a document.
MAPPING = """\
{
  "settings": {"number_of_shards": 1, "number_of_replicas": 0},
  "mappings": {
    "dynamic": false,
    "properties": {
      "id": {"type": "long"},
      "seq": {"type": "long"},
      "name": {"type": "text", "fields": {"raw": {"type": "keyword"}}},
      "email": {"type": "keyword"},
      "city": {"type": "keyword"},
      "status": {"type": "keyword"},
      "amount": {"type": "double"},
      "quantity": {"type": "integer"},
      "active": {"type": "boolean"},
      "created_at": {"type": "date"},
      "updated_at": {"type": "date"},
      "note": {"type": "text"}
    }
  }
}
"""

_TABLE = """\
CREATE TABLE public.flat (
    id bigint PRIMARY KEY, seq bigint NOT NULL DEFAULT 0, name text NOT NULL, email text, city text, status text,
    amount numeric(12, 2), quantity integer, active boolean, created_at timestamptz, updated_at timestamp, note text)
"""

_ROWS = """\
INSERT INTO public.flat
SELECT g, 0, initcap(substr(md5(g::text), 1, 7)) || ' ' || initcap(substr(md5((-g)::text), 1, 9)),
  md5(g::text) || '@example.org', 'city ' || g % 500, (ARRAY['new', 'paid', 'sent', 'done'])[g % 4 + 1],
  (g % 100000) * 1.17, g % 40, g % 2 = 0, timestamptz '2024-01-01 UTC' + g * interval '7 s',
  timestamp '2025-01-01' + g * interval '3 s',
  CASE WHEN g % 3 > 0 THEN (SELECT string_agg(substr(md5((g * w)::text), 1, 3 + (g + w)::int % 6), ' ')
                            FROM generate_series(1, 24) w) END
FROM generate_series(1, %s) g
"""


@dataclass(frozen=True)
class Ground:
    """A loaded database and the pipeline over it."""

    clients: Clients
    source: Source
    pipeline: Pipeline
    rows: int

    def new_generation(self) -> Generation:
        """Return a generation made anew, without a stream, with the settings of a backfill."""
        self.drop_indices()
        with self.clients.session(self.source) as session:
            recipe = read_recipe(session, self.pipeline)
            return create_generation(self.clients.elasticsearch, session, self.pipeline, recipe, live=True)

    def remove_stream(self) -> None:
        """Remove connectors, topics, slot and publication."""
        remove_source(self.clients, self.source)

    def drop_indices(self) -> None:
        """Remove every index of the pipeline."""
        client = self.clients.elasticsearch
        for index in client.indices.get(index=f"{self.pipeline.alias}-*").body:
            client.indices.delete(index=index)


@dataclass(frozen=True)
class Joined:
    """What a pipeline over the flat table joins: further statements, the document SQL and keys of the pipeline file."""

    statements: tuple[str, ...]
    document: str
    pipeline: str


@contextmanager
def prepare_ground(rows: int, joined: Joined | None = None) -> Iterator[Ground]:
    """Give a database with `rows` rows; connectors, database and indices are gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="pg2es-bench-"))
    write_project(folder, joined)
    project = load_project(folder)
    ground = Ground(Clients(project), project.source("bench"), project.pipeline(PIPELINE), rows)
    with superuser("postgres") as admin:
        _drop(admin)
        admin.execute(sql.SQL("CREATE DATABASE {} OWNER pg2es").format(sql.Identifier(DATABASE)))
    try:
        with ground.clients.session(ground.source) as session:
            session.execute(_TABLE)
            session.execute(_ROWS.replace("%s", str(rows)))
            for statement in joined.statements if joined else ():
                session.execute(statement)
            session.execute("VACUUM (ANALYZE, FREEZE)")
        yield ground
    finally:
        ground.remove_stream()
        ground.drop_indices()
        with superuser("postgres") as admin:  # a session of its own: the server may have been killed meanwhile
            _drop(admin)
        shutil.rmtree(folder)


def write_project(folder: Path, joined: Joined | None = None) -> None:
    """Write the files of the pipeline."""
    for name in ("sources", "pipelines", "mappings", "documents"):
        (folder / name).mkdir()
    shutil.copy(Path(__file__).parents[1] / "include" / "platform.yaml", folder)
    (folder / "sources" / "bench.yaml").write_text(_SOURCE)
    (folder / "pipelines" / f"{PIPELINE}.yaml").write_text(_PIPELINE + (joined.pipeline if joined else ""))
    if joined:
        (folder / "documents" / f"{PIPELINE}.sql").write_text(joined.document)
    (folder / "mappings" / f"{PIPELINE}.json").write_text(MAPPING)


def add_pipelines(folder: Path, count: int, keys: str = "") -> None:
    """Write so many further pipelines over the same table, with further keys in their files."""
    for number in range(count):
        (folder / "pipelines" / f"flat-{number}.yaml").write_text(_PIPELINE + keys)
        (folder / "mappings" / f"flat-{number}.json").write_text(MAPPING)


@contextmanager
def superuser(database: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Give a session of the superuser of the PostgreSQL that the environment names."""
    with psycopg.connect(
        host=os.environ["PG2ES_POSTGRES_HOST"],
        port=os.environ["PG2ES_POSTGRES_PORT"],
        user=os.environ["PG2ES_POSTGRES_SUPERUSER"],
        password=os.environ["PG2ES_POSTGRES_SUPERUSER_PASSWORD"],
        dbname=database,
        autocommit=True,
    ) as session:
        yield session


def _drop(admin: psycopg.Connection[tuple[object, ...]]) -> None:
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(DATABASE)))
