"""What `pg2es suggest` asks."""

COLUMN_TYPES = """\
WITH RECURSIVE resolved AS (
  SELECT a.attnum, a.attname, a.atttypid AS oid, a.atttypmod AS typmod, 0 AS depth
  FROM pg_attribute a
  WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT r.attnum, r.attname,
    CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.typelem END,
    CASE t.typtype WHEN 'd' THEN t.typtypmod ELSE r.typmod END, r.depth + 1
  FROM resolved r JOIN pg_type t ON t.oid = r.oid
  WHERE t.typtype = 'd' OR t.typcategory = 'A' AND t.typelem <> 0
)
SELECT DISTINCT ON (r.attnum) r.attname::text, t.typname::text, t.typtype::text,
  CASE WHEN t.typname = 'varchar' AND r.typmod >= 4 THEN r.typmod - 4 END,
  CASE WHEN t.typname = 'numeric' AND r.typmod >= 4 THEN (r.typmod - 4) >> 16 END
FROM resolved r JOIN pg_type t ON t.oid = r.oid
ORDER BY r.attnum, r.depth DESC"""
"""`(column, type, kind, length, precision)` of each column of table `$1`; arrays and domains taken off."""

UNIQUE_KEYS = """\
SELECT array_agg(a.attname::text ORDER BY k.n)
FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY k (attnum, n)
JOIN pg_attribute a ON a.attnum = k.attnum
WHERE i.indrelid = to_regclass($1) AND a.attrelid = i.indrelid
  AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
  AND k.n <= i.indnkeyatts
GROUP BY i.indexrelid
HAVING bool_and(a.attnotnull)
ORDER BY count(*), i.indexrelid"""
"""Columns of each unique NOT NULL key of table `$1`, short ones first."""
