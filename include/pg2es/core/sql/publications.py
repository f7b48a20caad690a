"""What makes and changes a publication. pg2es runs it where it may; the preflight shows it to whoever may."""

from collections.abc import Iterable

from pg2es.core.sql.identifiers import literal, quote, quote_table

GENERATED_SINCE = 180000
"""The first version that publishes stored generated columns."""


def publishes_generated(server_version: int) -> bool:
    """Whether stored generated columns can be published.

    Where they can, writes fail on a table whose replica identity has a generated column that is not published.
    """
    return server_version >= GENERATED_SINCE


def create_publication(name: str, tables: Iterable[str], server_version: int) -> str:
    """Makes a publication of all operations on these tables; changes of partitions come as those of their root."""
    return f"CREATE PUBLICATION {quote(name)} FOR TABLE {_list(tables)} WITH ({_options(server_version)})"


def comment_publication(name: str, comment: str) -> str:
    """Gives a publication a comment."""
    return f"COMMENT ON PUBLICATION {quote(name)} IS {literal(comment)}"


def unmark(name: str) -> str:
    """Takes the comment of a publication away."""
    return f"COMMENT ON PUBLICATION {quote(name)} IS NULL"


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
    generated = ", publish_generated_columns = stored" if publishes_generated(server_version) else ""
    return options + generated


def _list(tables: Iterable[str]) -> str:
    return ", ".join(quote_table(name) for name in tables)
