"""The sample shop: its database, and its rows, which follow from a seed."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from demo.errors import DemoError
from pg2es.adapters.postgres import PostgresAccess, translate_errors

DATABASE = "shop"
OWNER = "shop"
TABLES = ("order_items", "orders", "products", "customers")

_FOLDER = Path(__file__).parent
_CONNECT_TIMEOUT_S = 10


@dataclass(frozen=True)
class Sample:
    """How large the shop is, and which one of that size."""

    orders: int = 200_000
    seed: int = 7

    def __str__(self) -> str:
        return f"pg2es sample of {self.orders} orders, seed {self.seed}"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Sample":
        """Return the sample of DEMO_ORDERS orders; DemoError when that is no number."""
        wanted = environment.get("DEMO_ORDERS", str(cls.orders))
        if not wanted.isdecimal() or int(wanted) < 1:
            raise DemoError(f"DEMO_ORDERS is {wanted!r}; it is the number of orders, 1 or more.")
        return cls(orders=int(wanted))


def superuser_access(environment: Mapping[str, str], database: str) -> PostgresAccess:
    """Return how the stack's superuser reaches a database."""
    return PostgresAccess(
        host=environment["PG2ES_POSTGRES_HOST"],
        port=int(environment["PG2ES_POSTGRES_PORT"]),
        database=database,
        user=environment["PG2ES_POSTGRES_SUPERUSER"],
        password=environment["PG2ES_POSTGRES_SUPERUSER_PASSWORD"],
    )


@contextmanager
def connect(access: PostgresAccess) -> Iterator[psycopg.Connection]:
    """Give an autocommit connection; the usual errors come as those of pg2es."""
    with (
        translate_errors(access),
        psycopg.connect(
            host=access.host,
            port=access.port,
            dbname=access.database,
            user=access.user,
            password=access.password,
            connect_timeout=_CONNECT_TIMEOUT_S,
            application_name=DATABASE,
            autocommit=True,
        ) as connection,
    ):
        yield connection


def ensure_database(server: PostgresAccess, name: str = DATABASE) -> None:
    """Create the owner of the shop, of whose rights pg2es has a share, and the database. `server` is a superuser's."""
    with connect(server) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [OWNER]).fetchone():
            connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(OWNER)))
        connection.execute(sql.SQL("GRANT {} TO pg2es").format(sql.Identifier(OWNER)))
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            statement = sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(OWNER))
            connection.execute(statement)


def is_loaded(access: PostgresAccess, sample: Sample) -> bool:
    """Whether the database holds this sample, whatever has become of its rows since."""
    with connect(access) as connection:
        row = connection.execute("SELECT obj_description(to_regclass('public.orders'), 'pg_class')").fetchone()
    return row == (str(sample),)


def load(access: PostgresAccess, sample: Sample) -> None:
    """Create the tables anew and fill them, all or nothing. `access` is a superuser's."""
    with connect(access) as connection:
        with connection.transaction():
            # The rows refer to each other by construction: looking each reference up takes longer than the rest.
            connection.execute("SET LOCAL session_replication_role = replica")
            connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(OWNER)))
            tables = sql.SQL(", ").join(sql.Identifier("public", table) for table in TABLES)
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {} CASCADE").format(tables))
            _run_file(connection, "shop.sql")
            for name, value in (("demo.orders", sample.orders), ("demo.seed", sample.seed)):
                connection.execute("SELECT set_config(%s, %s, true)", [name, str(value)])
            _run_file(connection, "sample.sql")
            # What `is_loaded` looks at; it is there exactly when the rows are.
            connection.execute(sql.SQL("COMMENT ON TABLE public.orders IS {}").format(str(sample)))
        connection.execute("VACUUM (ANALYZE)")


def _run_file(connection: psycopg.Connection, name: str) -> None:
    connection.execute((_FOLDER / name).read_bytes())
