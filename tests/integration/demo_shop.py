"""Shops of their own for the tests of the demo."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import sql

from demo.data import connect, ensure_database, superuser_access
from pg2es.adapters.postgres import PostgresAccess

REFERENCES = """\
SELECT (SELECT count(*) FROM orders o WHERE customer_id IS NOT NULL
          AND NOT EXISTS (SELECT FROM customers c WHERE c.id = o.customer_id)),
       (SELECT count(*) FROM order_items i WHERE NOT EXISTS (SELECT FROM orders o WHERE o.id = i.order_id)),
       (SELECT count(*) FROM order_items i WHERE NOT EXISTS (SELECT FROM products p WHERE p.id = i.product_id))"""
"""How many rows refer to one that is not there, for each foreign key."""

TABLES = {"customers": "id", "products": "id", "orders": "id", "order_items": "order_id, line"}


@contextmanager
def empty_shop(name: str) -> Iterator[PostgresAccess]:
    """Give a database as the demo makes it, without tables; it is dropped at the end."""
    server = superuser_access(os.environ, "postgres")
    ensure_database(server, name)
    try:
        yield superuser_access(os.environ, name)
    finally:
        with connect(server) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def read_digests(access: PostgresAccess) -> dict[str, str]:
    """Return a digest of the rows of each table."""
    return {
        table: str(fetch_value(access, f"SELECT md5(string_agg(t::text, '|' ORDER BY {key})) FROM {table} t"))
        for table, key in TABLES.items()
    }


def fetch_value(access: PostgresAccess, statement: str) -> object:
    """Return the one value of a query."""
    return fetch_row(access, statement)[0]


def fetch_row(access: PostgresAccess, statement: str) -> tuple[object, ...]:
    """Return the one row of a query."""
    with connect(access) as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row
