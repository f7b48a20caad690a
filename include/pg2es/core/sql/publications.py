"""What makes and changes a publication. pg2es runs it where it may; the preflight shows it to whoever may."""

from collections.abc import Iterable

from pg2es.core.sql.identifiers import quote, quote_table

GENERATED_COLUMNS_VERSION = 180000
"""From this version on a table whose replica identity has generated columns takes writes only if they are published."""


def create_publication(name: str, tables: Iterable[str], server_version: int) -> str:
    """Makes a publication of all operations on these tables; changes of partitions come as those of their root."""
    return f"CREATE PUBLICATION {quote(name)} FOR TABLE {_list(tables)} WITH ({_options(server_version)})"


def add_tables(name: str, tables: Iterable[str]) -> str:
    """Adds tables to a publication."""
    return f"ALTER PUBLICATION {quote(name)} ADD TABLE {_list(tables)}"


def publish_everything(name: str, server_version: int) -> str:
    """Gives a publication the options that `create_publication` makes one with."""
    return f"ALTER PUBLICATION {quote(name)} SET ({_options(server_version)})"


def drop_publication(name: str) -> str:
    """Removes a publication, if it is there."""
    return f"DROP PUBLICATION IF EXISTS {quote(name)}"


def _options(server_version: int) -> str:
    options = "publish_via_partition_root = true, publish = 'insert, update, delete, truncate'"
    generated = ", publish_generated_columns = stored" if server_version >= GENERATED_COLUMNS_VERSION else ""
    return options + generated


def _list(tables: Iterable[str]) -> str:
    return ", ".join(quote_table(name) for name in tables)
