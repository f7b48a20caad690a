"""From changed rows to roots."""

from pg2es.core.pipeline import Related
from pg2es.core.sql.identifiers import columns, text_arrays
from pg2es.core.table import Key, Table


def roots_by_sql(related: Related, changed: Table, key: Key) -> str:
    """Root keys that the rows of a related table lead to, each once, as texts in key order.

    `$1 … $C` are text arrays, one for each column of `changed`, in parallel: old and new values of the changed rows.
    """
    names = route_columns(related, changed)
    arrays = text_arrays(changed.column(name).type for name in names)
    texts = ", ".join(f"roots.{name}::text" for name in columns(key.names).split(", "))
    return (
        f"WITH changed AS MATERIALIZED (SELECT DISTINCT * FROM unnest({arrays}) AS changed ({columns(names)}))\n"
        f"SELECT DISTINCT {texts} FROM (\n{related.roots_sql}\n) roots ({columns(key.names)})"
    )


def route_columns(related: Related, changed: Table) -> tuple[str, ...]:
    """Columns of the related table that its events must carry: `root_key`, or what `roots_sql` reads."""
    return related.root_key or related.columns or changed.primary_key
