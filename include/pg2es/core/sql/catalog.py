"""What the catalog is asked."""

TABLE = """\
SELECT c.relkind::text, c.relreplident::text,
  (SELECT json_agg(json_build_array(a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull) ORDER BY a.attnum)
   FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
  (SELECT array_agg(a.attname::text ORDER BY k.n)
   FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY k (attnum, n)
   JOIN pg_attribute a ON a.attnum = k.attnum
   WHERE i.indrelid = c.oid AND a.attrelid = c.oid AND i.indisprimary) AS primary_key,
  (SELECT array_agg(a.attname::text ORDER BY k.n)
   FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY k (attnum, n)
   JOIN pg_attribute a ON a.attnum = k.attnum
   WHERE i.indrelid = c.oid AND a.attrelid = c.oid
     AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END) AS identity
FROM pg_class c WHERE c.oid = to_regclass($1)"""
"""`$1` a quoted table name. One row, or none: no such table, or no right to see its schema."""

RELATIONS = """\
WITH RECURSIVE leaves AS (
  SELECT to_regclass($1)::oid AS oid
  UNION ALL
  SELECT i.inhrelid FROM pg_inherits i JOIN leaves ON i.inhparent = leaves.oid
)
SELECT n.nspname || '.' || c.relname,
  pg_relation_size(c.oid) / current_setting('block_size')::bigint,
  pg_relation_filenode(c.oid)::bigint
FROM leaves JOIN pg_class c ON c.oid = leaves.oid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r'
ORDER BY c.oid"""
"""`(name, blocks, filenode)` of the table itself and its partitions, as far as they store rows."""

FILENODE = "SELECT pg_relation_filenode(to_regclass($1))::bigint"
"""The file that holds a relation now; another one after a rewrite."""

TYPE_NAMES = "SELECT oid, format_type(oid, NULL) FROM unnest($1::oid[]) oid"
"""`(oid, name)` of types that only this database has: enums, domains, composite types."""

UNIQUE_INDEX = """\
SELECT 1 FROM pg_index i
WHERE i.indrelid = to_regclass($1) AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
  AND (SELECT array_agg(a.attname::text ORDER BY a.attname)
       FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::int2[]))
    = (SELECT array_agg(name ORDER BY name) FROM unnest($2::text[]) name)"""
"""Is there a unique index over exactly the columns `$2`?"""

SERVER_SETTINGS = """\
SELECT current_setting('wal_level'), current_setting('max_replication_slots')::int,
  (SELECT rolsuper OR rolreplication FROM pg_roles WHERE rolname = current_user),
  (SELECT count(*)::int FROM pg_replication_slots)"""
"""`(wal_level, max_replication_slots, may the role replicate, slots in use)`."""

PUBLICATION = """\
SELECT p.pubviaroot, p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate,
  array(SELECT n.nspname || '.' || c.relname FROM pg_publication_rel r
        JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE r.prpubid = p.oid)
FROM pg_publication p WHERE p.pubname = $1"""
"""`(by partition root, all operations, tables)` of a publication; no row when there is none."""

SLOT = """\
SELECT plugin, database, active, wal_status, invalidation FROM (
  SELECT plugin, database, active, wal_status, to_jsonb(s) ->> 'invalidation_reason' AS invalidation, slot_name
  FROM pg_replication_slots s) q WHERE slot_name = $1"""
"""`(plugin, database, active, wal_status, invalidation)` of a slot; no row when there is none."""

CREATE_SLOT_17 = "SELECT pg_create_logical_replication_slot($1, 'pgoutput', false, false, true)"
CREATE_SLOT_15 = "SELECT pg_create_logical_replication_slot($1, 'pgoutput', false, false)"
DROP_SLOT = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1"


def create_slot(server_version: int) -> str:
    """Creates the slot `$1`; from PostgreSQL 17 on as one that a standby keeps too (`failover`)."""
    return CREATE_SLOT_17 if server_version >= 170000 else CREATE_SLOT_15
