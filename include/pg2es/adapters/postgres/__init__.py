"""PostgreSQL: sessions under the pinned settings, the catalog, and its errors in pg2es' words.

`session` opens sessions and translates errors, `catalog` reads tables and the relations that store them. The statements
stand in `core.sql`.
"""

from pg2es.adapters.postgres.catalog import read_filenode, read_relations, read_stored, read_table
from pg2es.adapters.postgres.session import (
    PostgresAccess,
    Session,
    describe_sql_error,
    fetch_one,
    open_session,
    read_identity,
    translate_errors,
    translate_sql_errors,
)

__all__ = [
    "PostgresAccess",
    "Session",
    "describe_sql_error",
    "fetch_one",
    "open_session",
    "read_filenode",
    "read_identity",
    "read_relations",
    "read_stored",
    "read_table",
    "translate_errors",
    "translate_sql_errors",
]
