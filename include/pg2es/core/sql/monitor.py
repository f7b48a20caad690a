"""What the monitor asks, each minute."""

CAREFUL = "SET statement_timeout = '10s';\nSET lock_timeout = '1s'"
"""So that one look ends even where a statement waits: a marker, for a synchronous standby that is down."""

SLOT = """\
SELECT active, pg_current_wal_lsn() - restart_lsn, pg_current_wal_lsn() - confirmed_flush_lsn,
  CASE WHEN wal_status = 'lost' THEN coalesce(to_jsonb(s) ->> 'invalidation_reason', wal_status) END,
  coalesce(wal_status = 'unreserved', false), restart_lsn - '0/0'::pg_lsn,
  coalesce(to_jsonb(s) ->> 'failover', 'true')::boolean
FROM pg_replication_slots s WHERE slot_name = $1"""
"""What is known of slot `$1`; no row: there is none.

`(active, bytes of WAL kept, bytes not confirmed, why it is lost or NULL, whether its WAL may be removed any time, where
its WAL begins, failover)`; see `catalog.SLOT` for the last.
"""

ESTIMATED_ROWS = """\
WITH RECURSIVE leaves (name, oid) AS (
  SELECT name, to_regclass(name)::oid FROM unnest($1::text[]) name
  UNION ALL
  SELECT leaves.name, i.inhrelid FROM pg_inherits i JOIN leaves ON i.inhparent = leaves.oid
)
SELECT leaves.name, CASE WHEN bool_and(c.reltuples >= 0) THEN sum(c.reltuples)::bigint END
FROM leaves JOIN pg_class c ON c.oid = leaves.oid
WHERE c.relkind = 'r'
GROUP BY leaves.name"""
"""`(name, rows)` of the quoted tables `$1`, with their partitions, as ANALYZE left it; NULL before the first."""
