"""What the preflight proposes: statements for whoever may change roles and tables. pg2es never runs them."""

from pg2es.core.sql.identifiers import quote, quote_columns, quote_table

LOGICAL_WAL = "ALTER SYSTEM SET wal_level = logical"


def allow_replication(role: str) -> str:
    """Lets a role read replication slots."""
    return f"ALTER ROLE {quote(role)} REPLICATION"


def allow_publications(database: str, role: str) -> str:
    """Lets a role make publications in a database."""
    return f"GRANT CREATE ON DATABASE {quote(database)} TO {quote(role)}"


def make_member(owner: str, role: str) -> str:
    """Lets a role do what the owner of a table may."""
    return f"GRANT {quote(owner)} TO {quote(role)}"


def show_all_rows(role: str) -> str:
    """Lets a role see the rows that row-level security hides from it."""
    return f"ALTER ROLE {quote(role)} BYPASSRLS"


def write_to_wal(table: str) -> str:
    """Has the changes of an unlogged table in the WAL."""
    return f"ALTER TABLE {quote_table(table)} SET LOGGED"


def log_old_rows(table: str) -> str:
    """Has whole old rows in the events of a table."""
    return f"ALTER TABLE {quote_table(table)} REPLICA IDENTITY FULL"


def log_by_index(table: str, columns: tuple[str, ...]) -> tuple[str, ...]:
    """Has these columns of old rows in the events of a table; none of them may be NULL."""
    changed = f"ALTER TABLE {quote_table(table)}"
    index = quote(f"{table.split('.', 1)[1]}_identity")
    return (
        f"{changed} {', '.join(f'ALTER {quote(name)} SET NOT NULL' for name in columns)}",
        f"CREATE UNIQUE INDEX {index} ON {quote_table(table)} ({quote_columns(columns)})",
        f"{changed} REPLICA IDENTITY USING INDEX {index}",
    )


def log_by_some_index(table: str) -> str:
    """Has the columns of a unique index of old rows in the events of a table; which index is left open."""
    return f"ALTER TABLE {quote_table(table)} REPLICA IDENTITY USING INDEX …"


def publish_whole(publication: str, table: str) -> tuple[str, str]:
    """Takes a row filter, or a list of columns, off a table of a publication."""
    publishes = f"ALTER PUBLICATION {quote(publication)}"
    return f"{publishes} DROP TABLE {quote_table(table)}", f"{publishes} ADD TABLE {quote_table(table)}"


def create_index(table: str, columns: tuple[str, ...], *, unique: bool = False) -> str:
    """Makes an index."""
    return f"CREATE {'UNIQUE ' if unique else ''}INDEX ON {quote_table(table)} ({quote_columns(columns)})"
