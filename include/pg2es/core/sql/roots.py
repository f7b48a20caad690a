"""From changed rows to roots."""

from pg2es.core.config import Related
from pg2es.core.sql.identifiers import quote, quote_columns, quote_table, text_arrays
from pg2es.core.table import Key, Table


def roots_by_sql(related: Related, changed: Table, key: Key) -> str:
    """Root keys that the rows of a related table lead to, as texts in key order; one may come more than once.

    `$1 … $C` are text arrays, one for each column of `changed`, in parallel: old and new values of the changed rows.
    Without a DISTINCT the first roots come at once, and whoever wants no more is not kept waiting for the rest.
    """
    names = route_columns(related, changed)
    arrays = text_arrays(changed.column(name).type for name in names)
    texts = _texts("roots", key)
    return (
        f"WITH changed AS MATERIALIZED (SELECT DISTINCT * FROM unnest({arrays}) AS changed ({quote_columns(names)}))\n"
        f"SELECT {texts} FROM (\n{related.roots_sql}\n) roots ({quote_columns(key.names)})"
    )


def all_roots(table: Table, key: Key) -> str:
    """The keys of all rows of the root table, as texts in key order."""
    return f"SELECT {_texts('root', key)} FROM {quote_table(table.name)} root"


def rootless_keys(table: Table, key: Key) -> str:
    """Those of a list of keys that no row of the root table has, as texts in key order; fails for what is no key.

    `$1 … $K` are text arrays, one for each key column, in parallel.
    """
    arrays = text_arrays(column.type for column in key.columns)
    same = " AND ".join(f"root.{name} = k.{name}" for name in map(quote, key.names))
    return (
        f"SELECT {_texts('k', key)} FROM unnest({arrays}) AS k ({quote_columns(key.names)})\n"
        f"WHERE NOT EXISTS (SELECT FROM {quote_table(table.name)} root WHERE {same})"
    )


def route_columns(related: Related, changed: Table) -> tuple[str, ...]:
    """Columns of the related table that its events must carry: `root_key`, or what `roots_sql` reads."""
    return related.root_key or related.columns or changed.primary_key


def _texts(relation: str, key: Key) -> str:
    return ", ".join(f"{relation}.{quote(name)}::text" for name in key.names)
