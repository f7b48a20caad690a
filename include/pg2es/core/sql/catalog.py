"""What the catalog is asked."""

TABLE = """\
SELECT c.relkind::text, c.relreplident::text,
  (SELECT json_agg(json_build_array(a.attname, format_type(a.atttypid, a.atttypmod),
      a.attnotnull AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'n'
                                     AND NOT k.convalidated AND k.conkey = ARRAY[a.attnum]),
      a.attgenerated, coalesce(o.collisdeterministic, true), a.atthasdef AND a.attgenerated = '',
      (WITH RECURSIVE base AS (
         SELECT a.atttypid AS oid, a.atttypmod AS modifier
         UNION ALL
         SELECT t.typbasetype, t.typtypmod FROM base JOIN pg_type t ON t.oid = base.oid WHERE t.typtype = 'd'
       ) SELECT json_build_array(format_type(base.oid, base.modifier), t.typtype = 'e')
         FROM base JOIN pg_type t ON t.oid = base.oid WHERE t.typtype <> 'd')) ORDER BY a.attnum)
   FROM pg_attribute a LEFT JOIN pg_collation o ON o.oid = a.attcollation
   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
  (SELECT array_agg(a.attname::text ORDER BY k.n)
   FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY k (attnum, n)
   JOIN pg_attribute a ON a.attnum = k.attnum
   WHERE i.indrelid = c.oid AND a.attrelid = c.oid AND i.indisprimary AND k.n <= i.indnkeyatts) AS primary_key,
  (SELECT array_agg(a.attname::text ORDER BY k.n)
   FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY k (attnum, n)
   JOIN pg_attribute a ON a.attnum = k.attnum
   WHERE i.indrelid = c.oid AND a.attrelid = c.oid AND k.n <= i.indnkeyatts
     AND i.indimmediate AND (i.indisvalid OR c.relkind = 'p')
     AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END) AS identity,
  (SELECT array_agg(n.nspname || '.' || h.relname ORDER BY 1)
   FROM pg_inherits i JOIN pg_class h ON h.oid = i.inhrelid JOIN pg_namespace n ON n.oid = h.relnamespace
   WHERE i.inhparent = c.oid AND NOT h.relispartition) AS heirs,
  (SELECT array_agg(n.nspname || '.' || f.relname ORDER BY 1)
   FROM pg_partition_tree(c.oid) t JOIN pg_class f ON f.oid = t.relid JOIN pg_namespace n ON n.oid = f.relnamespace
   WHERE f.relkind = 'f') AS foreign_partitions
FROM pg_class c WHERE c.oid = to_regclass($1)"""
"""`$1` a quoted table name. One row, or none: no such table, or no right to see its schema.

A deferrable key is no replica identity, what an index merely includes belongs to no key, and a column whose NOT NULL is
NOT VALID may be NULL.
"""

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
WHERE i.indrelid = to_regclass($1) AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
  AND (SELECT array_agg(a.attname::text ORDER BY a.attname)
       FROM unnest(i.indkey::int2[]) WITH ORDINALITY k (attnum, n)
       JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
       WHERE k.n <= i.indnkeyatts)
    = (SELECT array_agg(name ORDER BY name) FROM unnest($2::text[]) name)"""
"""Is there a unique index over exactly the columns `$2`?"""

SERVER_SETTINGS = """\
SELECT current_setting('wal_level'), current_setting('max_replication_slots')::int,
  (SELECT bool_or(rolsuper OR rolreplication OR rolname = 'rds_replication') FROM pg_roles
   WHERE rolname = current_user OR rolname = 'rds_replication' AND pg_has_role(oid, 'MEMBER')),
  (SELECT count(*)::int FROM pg_replication_slots)"""
"""`(wal_level, max_replication_slots, may the role replicate, slots in use)`.

At Amazon, members of a role may replicate, and nobody has the attribute.
"""

PUBLICATION = """\
SELECT p.pubviaroot, p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate,
  coalesce(to_jsonb(p) ->> 'pubgencols', 's') = 's',
  array(SELECT n.nspname || '.' || c.relname FROM pg_publication_rel r
        JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE r.prpubid = p.oid
        UNION
        SELECT t.schemaname || '.' || t.tablename FROM pg_publication_tables t WHERE t.pubname = p.pubname),
  array(SELECT n.nspname || '.' || c.relname FROM pg_publication_rel r
        JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE r.prpubid = p.oid AND (r.prqual IS NOT NULL OR r.prattrs IS NOT NULL))
FROM pg_publication p WHERE p.pubname = $1"""
"""One row, or none when there is no such publication.

`(by partition root, all operations, stored generated columns, tables, tables with a row filter or a list of columns)`;
the tables are those of its schemas, and all for a publication of all tables, too.
"""

SLOT = """\
SELECT plugin, database, active, wal_status, to_jsonb(s) ->> 'invalidation_reason' AS invalidation,
  restart_lsn - '0/0'::pg_lsn, confirmed_flush_lsn - '0/0'::pg_lsn,
  coalesce(to_jsonb(s) ->> 'failover', 'true')::boolean
FROM pg_replication_slots s WHERE slot_name = $1"""
"""`(plugin, database, active, wal_status, invalidation, restart, confirmed, failover)`; no row when there is none.

`failover` is true before PostgreSQL 17, which has no such slots: pg2es makes no slot without, Debezium none with it.
"""

RETAINED = "SELECT pg_current_wal_lsn() - restart_lsn FROM pg_replication_slots WHERE slot_name = $1"
"""Bytes of WAL that PostgreSQL keeps for slot `$1`; NULL when it has lost its WAL, no row when there is none."""

COMMENTED_PUBLICATIONS = """\
SELECT pubname::text, obj_description(oid, 'pg_publication') FROM pg_publication
WHERE obj_description(oid, 'pg_publication') IS NOT NULL AND pubname <> ALL ($1::text[])
ORDER BY 1"""
"""`(name, comment)` of the publications in this database that have a comment and are not among `$1`."""

SLOTS = """\
SELECT slot_name::text, active FROM pg_replication_slots
WHERE database = current_database() AND slot_name = ANY ($1::text[])
ORDER BY 1"""
"""`(name, is it read)` of the slots among `$1` that this database has."""

_CREATED = "SELECT lsn - '0/0'::pg_lsn FROM pg_create_logical_replication_slot"
CREATE_SLOT_17 = f"{_CREATED}($1, 'pgoutput', false, false, true)"
CREATE_SLOT_15 = f"{_CREATED}($1, 'pgoutput', false, false)"
DROP_SLOT = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1"


def create_slot(server_version: int) -> str:
    """Creates the slot `$1` and gives its LSN; from PostgreSQL 17 on as one that a standby keeps too (`failover`)."""
    return CREATE_SLOT_17 if server_version >= 170000 else CREATE_SLOT_15
