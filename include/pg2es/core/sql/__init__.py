"""Every SQL statement of pg2es, as text; identifiers are quoted by the driver. No other folder writes SQL.

`protocol` has the statements of the refresh protocol (versions, fence, barrier, locks), `documents` wraps the document
SQL, `roots` leads from changed rows to roots. `catalog` reads tables, slots and publications, `publications` changes
them. `monitor`, `preflight` and `suggest` serve who has that name; `remedies` are what the preflight proposes,
`grants` what `pg2es grants` prints. A statement is used under the name of its module: `protocol.VERSION`.
"""

from pg2es.core.sql import catalog, grants, monitor, preflight, protocol, publications, remedies, suggest
from pg2es.core.sql.documents import BUCKETS, DocumentSql, all_columns, copy_out
from pg2es.core.sql.identifiers import quote_table
from pg2es.core.sql.roots import all_roots, rootless_keys, roots_where, route_columns, route_sql

__all__ = [
    "BUCKETS",
    "DocumentSql",
    "all_columns",
    "all_roots",
    "catalog",
    "copy_out",
    "grants",
    "monitor",
    "preflight",
    "protocol",
    "publications",
    "quote_table",
    "remedies",
    "rootless_keys",
    "roots_where",
    "route_columns",
    "route_sql",
    "suggest",
]
