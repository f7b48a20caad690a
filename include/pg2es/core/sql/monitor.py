"""What the monitor asks, each minute."""

CAREFUL = "SET statement_timeout = '10s'"
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
