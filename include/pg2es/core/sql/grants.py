"""What gives the role of pg2es its rights, and no more. An administrator runs it; each statement can be run again."""

from collections.abc import Iterable

from pg2es.core.sql.identifiers import literal, quote, quote_table
from pg2es.core.sql.publications import GENERATED_SINCE, add_tables, publish_everything


def make_role(role: str) -> str:
    """Makes a role that logs in and replicates, if it is not there; at Amazon a membership allows that."""
    return f"""\
DO $pg2es$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = {literal(role)}) THEN
    RETURN;
  ELSIF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_replication') THEN
    CREATE ROLE {quote(role)} LOGIN IN ROLE rds_replication;
  ELSE
    CREATE ROLE {quote(role)} LOGIN REPLICATION;
  END IF;
END $pg2es$"""


def allow_connecting(database: str, role: str) -> str:
    """Lets a role into a database."""
    return f"GRANT CONNECT ON DATABASE {quote(database)} TO {quote(role)}"


def allow_schemas(tables: Iterable[str], role: str) -> str:
    """Lets a role into the schemas of tables."""
    schemas = sorted({name.split(".", 1)[0] for name in tables})
    return f"GRANT USAGE ON SCHEMA {', '.join(map(quote, schemas))} TO {quote(role)}"


def allow_tables(tables: Iterable[str], role: str) -> str:
    """Lets a role read tables."""
    return f"GRANT SELECT ON {', '.join(map(quote_table, tables))} TO {quote(role)}"


def publish(publication: str, tables: Iterable[str]) -> str:
    """Makes a publication, or adds to it what it lacks of these tables; for whoever owns them."""
    added = "\n".join(
        f"""\
  IF NOT EXISTS (SELECT FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid
                 WHERE p.pubname = {literal(publication)} AND r.prrelid = {literal(quote_table(name))}::regclass) THEN
    {add_tables(publication, [name])};
  END IF;"""
        for name in tables
    )
    return f"""\
DO $pg2es$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_publication WHERE pubname = {literal(publication)}) THEN
    CREATE PUBLICATION {quote(publication)};
  END IF;
  IF current_setting('server_version_num')::int < {GENERATED_SINCE} THEN
    {publish_everything(publication, GENERATED_SINCE - 1)};
  ELSE
    {publish_everything(publication, GENERATED_SINCE)};
  END IF;
{added}
END $pg2es$"""
