"""What is said about a table before it is published, against what an application can do to it afterwards."""

from collections.abc import Iterator
from itertools import product

import psycopg
import pytest

from pg2es.core.sql import publications
from pg2es.services.stream import find_write_problems
from tests.support import Database, ProjectFolder, connect

KEYS = {
    "plain": "PRIMARY KEY (id)",
    "deferrable": "PRIMARY KEY (id) DEFERRABLE INITIALLY DEFERRED",
    "include": "PRIMARY KEY (id) INCLUDE (word)",
    "generated": "PRIMARY KEY (twice)",
    "none": "CHECK (id > 0)",
}
GENERATED = {
    "no column": "",
    "stored": ", folded text GENERATED ALWAYS AS (lower(word)) STORED",
    "virtual": ", folded text GENERATED ALWAYS AS (lower(word)) VIRTUAL",
}
IDENTITIES = ("DEFAULT", "FULL", "NOTHING", "USING INDEX by_id", "USING INDEX by_twice")


def make_table(session: psycopg.Connection, key: str, generated: str, identity: str, *, partitioned: bool) -> None:
    """Make table `public.stored`, or a table `public.whole` with it as its partition, and a row in it."""
    columns = (
        "id bigint NOT NULL, word text NOT NULL, twice bigint GENERATED ALWAYS AS (id * 2) STORED NOT NULL"
        f"{GENERATED[generated]}"
    )
    session.execute(f"CREATE TABLE public.stored ({columns}, {KEYS[key]})")
    session.execute("CREATE UNIQUE INDEX by_id ON public.stored (id)")
    session.execute("CREATE UNIQUE INDEX by_twice ON public.stored (twice) INCLUDE (word)")
    session.execute(f"ALTER TABLE public.stored REPLICA IDENTITY {identity}")
    if partitioned:
        session.execute("CREATE TABLE public.whole (LIKE public.stored INCLUDING GENERATED) PARTITION BY RANGE (id)")
        session.execute("ALTER TABLE public.whole ATTACH PARTITION public.stored DEFAULT")
    session.execute("INSERT INTO public.stored (id, word) VALUES (1, 'a'), (2, 'b')")


@pytest.fixture
def folder(database: Database, project_folder: ProjectFolder) -> Iterator[ProjectFolder]:
    yield project_folder
    database.execute("DROP TABLE IF EXISTS public.whole, public.stored")


@pytest.mark.parametrize("partitioned", [False, True], ids=["plain", "partitioned"])
def test_who_is_refused_could_not_write_and_nobody_else(
    folder: ProjectFolder, database: Database, *, partitioned: bool
) -> None:
    table = "public.whole" if partitioned else "public.stored"
    judged = {True: 0, False: 0}
    with (
        connect(database.name) as session,
        folder.clients().session(folder.source_model()) as reading,
    ):
        version = session.info.server_version
        for key, generated, identity in product(KEYS, GENERATED, IDENTITIES):
            make_table(session, key, generated, identity, partitioned=partitioned)
            problems = list(find_write_problems(reading, table))
            session.execute(publications.create_publication("judged", [table], version).encode())
            can_write = all(
                _succeeds(session, statement)
                for statement in (
                    "INSERT INTO public.stored (id, word) VALUES (3, 'c')",
                    "UPDATE public.stored SET word = 'z' WHERE id = 1",
                    "DELETE FROM public.stored WHERE id = 2",
                )
            )
            assert can_write == (not problems), f"{key}, {generated}, {identity}: {problems}"
            judged[can_write] += 1
            session.execute("DROP PUBLICATION judged")
            session.execute("DROP TABLE IF EXISTS public.whole, public.stored")
    assert min(judged.values()) > 0, judged


def _succeeds(session: psycopg.Connection, statement: str) -> bool:
    try:
        session.execute(statement.encode())
    except psycopg.errors.ObjectNotInPrerequisiteState:
        return False
    except psycopg.errors.InvalidColumnReference:  # an unpublished generated column in the replica identity
        return False
    return True
