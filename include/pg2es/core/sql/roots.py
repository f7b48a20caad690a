"""From changed rows to roots."""

from pg2es.core.config import Related
from pg2es.core.errors import CatalogError
from pg2es.core.sql.identifiers import quote, quote_columns, quote_table, quote_texts
from pg2es.core.sql.values import as_key, value_arrays
from pg2es.core.table import Key, Table


def route_sql(related: Related, changed: Table, root: Table, key: Key) -> str | None:
    """What leads from the changed rows of a related table to root keys, as texts in key order; one may come twice.

    `$1 … $C` are text arrays, one for each of `route_columns`, in parallel: old and new values of the changed rows, as
    events have them. None where these texts are the keys themselves.

    Raises CatalogError when a column is not there or events do not carry its values, or when `root_key` does not name
    one for each key column.
    """
    columns = [changed.column(name) for name in route_columns(related, changed)]
    for column in columns:
        if not column.in_events:
            raise CatalogError(
                f"Column {changed.name}.{column.name} has type {column.type}, whose values change events do not carry "
                f"as PostgreSQL has them, so that it leads to no root. Name other columns (root_key, or roots_sql with "
                f"columns)."
            )
    if related.roots_sql:
        return _roots_by_sql(related, changed, key)
    if len(columns) != len(key.columns):
        raise CatalogError(
            f"root_key of {changed.name} has {len(columns)} column(s), but the key of {root.name} has "
            f"{len(key.columns)}: {', '.join(key.names)}. Name one column for each, in the same order."
        )
    if all(column.writes_like(part) for column, part in zip(columns, key.columns, strict=True)):
        return None
    return _roots_by_value(related, changed, root, key)


def _roots_by_sql(related: Related, changed: Table, key: Key) -> str:
    # Without a DISTINCT the first roots come at once, and whoever wants no more is not kept waiting for the rest.
    return (
        f"{_changed(related, changed)}\n"
        f"SELECT {quote_texts(key.names, 'roots')} FROM (\n{related.roots_sql}\n) roots ({quote_columns(key.names)})"
    )


def _roots_by_value(related: Related, changed: Table, root: Table, key: Key) -> str:
    """Compares values, not texts: `7.00` leads to the root `7`. What no root has leads nowhere."""
    same = " AND ".join(
        f"root.{quote(part.name)} = {as_key(changed.column(name), part)}"
        for name, part in zip(route_columns(related, changed), key.columns, strict=True)
    )
    return (
        f"{_changed(related, changed)}\n"
        f"SELECT {quote_texts(key.names, 'root')} FROM changed JOIN {quote_table(root.name)} root ON {same}"
    )


def _changed(related: Related, changed: Table) -> str:
    names = route_columns(related, changed)
    arrays = value_arrays(changed.column(name) for name in names)
    return f"WITH changed AS MATERIALIZED (SELECT DISTINCT * FROM unnest({arrays}) AS changed ({quote_columns(names)}))"


def all_roots(table: Table, key: Key) -> str:
    """The keys of all rows of the root table, as texts in key order."""
    return f"SELECT {quote_texts(key.names, 'root')} FROM {quote_table(table.name)} root"


def roots_where(table: Table, key: Key, condition: str) -> str:
    """The keys of the rows, called `root`, that a condition holds for."""
    return f"{all_roots(table, key)}\nWHERE (\n{condition}\n)"


def rootless_keys(table: Table, key: Key) -> str:
    """Those of a list of keys that no row of the root table has, as texts in key order; fails for what is no key.

    `$1 … $K` are text arrays, one for each key column, in parallel.
    """
    arrays = value_arrays(key.columns)
    same = " AND ".join(f"root.{name} = k.{name}" for name in map(quote, key.names))
    return (
        f"SELECT {quote_texts(key.names, 'k')} FROM unnest({arrays}) AS k ({quote_columns(key.names)})\n"
        f"WHERE NOT EXISTS (SELECT FROM {quote_table(table.name)} root WHERE {same})"
    )


def route_columns(related: Related, changed: Table) -> tuple[str, ...]:
    """Columns of the related table that its events must carry: `root_key`, or what `roots_sql` reads."""
    return related.root_key or related.columns or changed.primary_key
