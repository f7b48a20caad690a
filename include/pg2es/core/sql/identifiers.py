"""Quoting, by the driver's own means.

The driver is imported where it quotes: who reads but names and enums from `core` need not load it.
"""


def quote(*parts: str) -> str:
    """Return a quoted identifier, `"a"` or `"a"."b"`."""
    from psycopg import sql

    return sql.Identifier(*parts).as_string(None)


def quote_table(name: str) -> str:
    """Return `schema.table` as quoted identifiers."""
    return quote(*name.split(".", 1))


def literal(value: str | int) -> str:
    """Return a value as an SQL literal."""
    from psycopg import sql

    return sql.Literal(value).as_string(None).strip()


def quote_texts(names: tuple[str, ...], relation: str) -> str:
    """Return the values of columns as texts, `r."a"::text, r."b"::text`."""
    return ", ".join(f"{relation}.{quote(name)}::text" for name in names)


def quote_columns(names: tuple[str, ...], relation: str = "") -> str:
    """Return a list of quoted column names, `r."a", r."b"`."""
    prefix = f"{relation}." if relation else ""
    return ", ".join(f"{prefix}{quote(name)}" for name in names)
