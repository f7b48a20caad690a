"""What only the preflight asks, and how it asks."""

RIGHTS = """\
SELECT has_table_privilege(c.oid, 'SELECT'), has_any_column_privilege(c.oid, 'SELECT'),
  pg_has_role(c.relowner, 'USAGE'), pg_get_userbyid(c.relowner)::text,
  row_security_active(c.oid),
  array(SELECT n.nspname || '.' || r.relname
        FROM (SELECT c.oid AS relid UNION SELECT relid FROM pg_partition_tree(c.oid)) t
        JOIN pg_class r ON r.oid = t.relid JOIN pg_namespace n ON n.oid = r.relnamespace
        WHERE r.relpersistence <> 'p' ORDER BY 1)
FROM pg_class c WHERE c.oid = to_regclass($1)"""
"""`(may read it, may read a column, owns it, owner, rows are hidden from this role, what of it is not in the WAL)`.

The last are the table itself and its partitions, as far as they are unlogged or temporary.
"""

DATABASE_RIGHTS = """\
SELECT has_database_privilege(current_database(), 'CREATE'),
  (SELECT pg_has_role(pubowner, 'USAGE') FROM pg_publication WHERE pubname = $1)"""
"""`(may create a publication, owns publication $1; NULL when there is none)`."""

ANCESTORS = """\
WITH RECURSIVE up AS (
  SELECT name, to_regclass(name)::oid AS oid FROM unnest($1::text[]) AS name
  UNION
  SELECT up.name, i.inhparent FROM up JOIN pg_inherits i ON i.inhrelid = up.oid
)
SELECT up.name, array_agg(n.nspname || '.' || c.relname)
FROM up JOIN pg_class c ON c.oid = up.oid JOIN pg_namespace n ON n.oid = c.relnamespace
GROUP BY up.name"""
"""`(quoted name, it and the tables that it is a partition of)`."""

FUNCTIONS = """\
SELECT DISTINCT n.nspname || '.' || p.proname, p.provolatile = 'v', n.nspname = 'pg_catalog'
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname || '.' || p.proname = ANY ($1::text[])
   OR p.proname = ANY ($1::text[]) AND pg_function_is_visible(p.oid)
ORDER BY 1"""
"""`(schema.name, is volatile, is PostgreSQL's own)` of the functions among the names `$1`."""

LEADING_COLUMNS = """\
SELECT DISTINCT a.attname::text
FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
WHERE i.indrelid = to_regclass($1) AND i.indisvalid AND i.indpred IS NULL"""
"""The first column of each index of table `$1`."""

CAREFUL = """\
SET TRANSACTION READ ONLY;
SET LOCAL statement_timeout = '30s';
SET LOCAL lock_timeout = '5s'"""
"""A preflight changes nothing, and does not hold up anybody."""

ONE_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"
"""Statements of the transaction see the same rows."""

PREFER_INDEXES = """\
SET LOCAL enable_seqscan = off;
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off"""
"""Under these a plan reads a table as a whole only where no index serves, however small the table is today."""


def explain(statement: str) -> str:
    """Return the statement that gives the plan of another as JSON."""
    return f"EXPLAIN (FORMAT JSON, VERBOSE) {statement}"
