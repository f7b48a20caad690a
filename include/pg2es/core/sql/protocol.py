"""The statements of the refresh protocol (docs/concepts.md); the numbers of rules and steps are its own."""

SESSION = """\
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';
SET IntervalStyle = 'iso_8601';
SET extra_float_digits = 1;
SET bytea_output = 'hex';
SET xmlbinary = 'base64';
SET search_path = pg_catalog, public;
SET row_security = off;
SET standard_conforming_strings = on;
SET quote_all_identifiers = off;
SET transform_null_equals = off;
SET array_nulls = on;
SET xmloption = 'content';
SET gin_fuzzy_search_limit = 0;
SET lc_monetary = 'C';
SET lc_numeric = 'C';
SET lc_time = 'C';
SET default_transaction_isolation = 'read committed';
SET jit = off;
SET plan_cache_mode = force_custom_plan;
SET default_transaction_read_only = off;
SET tcp_keepalives_idle = 30;
SET tcp_keepalives_interval = 10;
SET tcp_keepalives_count = 3;
SET tcp_user_timeout = '60s';
SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('statement_timeout', 'lock_timeout',
  'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout');
SET client_encoding = 'UTF8'"""
"""Settings of each session that reads documents: whatever changes the text of a value is pinned.

Time limits that a role has are meant for applications; pg2es sets its own where it needs some. With `row_security` off,
PostgreSQL refuses a read that a policy would narrow: what is hidden is not gone. The server gives a connection up, and
its locks and snapshot with it, a minute after the network has forgotten it; by default that takes two hours.
"""

IDENTITY = """\
SELECT system_identifier::text,
  CASE WHEN pg_is_in_recovery() THEN 0
       ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END AS timeline,
  pg_is_in_recovery() AS in_recovery
FROM pg_control_system()"""
"""`(system_identifier text, timeline integer, in_recovery boolean)` (rule 12)."""

VERSION = "SELECT pg_logical_emit_message(false, 'pg2es', '') - '0/0'::pg_lsn AS lsn"
"""The LSN of a message written for this call: unique, and taken before the read (rule 2)."""

READ_LIMIT_S = 60
LIMIT_READ = f"SET LOCAL statement_timeout = '{READ_LIMIT_S}s'"
"""How long the read of a transaction may take; what takes longer is tried with fewer rows."""

CURRENT_LSN = "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
"""The end of the WAL: no version that was taken before is above it."""

_FLUSH_17 = "SELECT pg_logical_emit_message(false, 'pg2es', '', true)"
_FLUSH_15 = "SET LOCAL synchronous_commit = on;\nSELECT pg_logical_emit_message(true, 'pg2es', '')"


def flush(server_version: int) -> str:
    """Statements that, before COMMIT, make durable what the read saw (rule 4). `server_version` as in libpq, 180006."""
    return _FLUSH_17 if server_version >= 170000 else _FLUSH_15


# A change event carries the low 32 bits of its transaction's id; they are widened next to the snapshot's xmax.
_WIDE = "GREATEST({ref} + (({low} - {ref} + 2147483648) & 4294967295) - 2147483648, 3)::text::xid8"

VISIBLE = f"""\
SELECT bool_and(pg_visible_in_snapshot({_WIDE.format(ref="ref", low="low")}, s))
FROM (SELECT s, pg_snapshot_xmax(s)::text::bigint AS ref FROM pg_current_snapshot() s) q, unnest($1::bigint[]) low"""
"""`$1` bigint[], low halves of transaction ids: are all of them visible to a new snapshot? (rule 1)"""

TRANSACTION_STATUS = f"""\
SELECT pg_xact_status({_WIDE.format(ref="ref", low="$1::bigint")})
FROM (SELECT pg_snapshot_xmax(s)::text::bigint AS ref FROM pg_current_snapshot() s) q"""
"""`$1` bigint: `in progress`, `committed`, `aborted` or NULL (forgotten). SQLSTATE 22023: an id of the future."""

FENCE_START = "SELECT pg_current_xact_id()::text"
"""The start fence X, taken after a stream position is fixed (rule 8)."""

FENCE_PASSED = "SELECT pg_snapshot_xmin(pg_current_snapshot()) >= $1::text::xid8"
"""Have all transactions before X ended, and are their changes visible? (rule 8)"""

FENCE_HOLDERS = """\
SELECT pid, to_char(now() - xact_start, 'HH24:MI:SS') AS age, coalesce(usename, backend_type) AS who,
  left(query, 120) AS query
FROM pg_stat_activity
WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()
ORDER BY xact_start LIMIT 3"""
"""Who holds the fence back."""

BARRIER_PREFIX = "pg2es-barrier"

BARRIER = f"SELECT pg_logical_emit_message(true, '{BARRIER_PREFIX}', $1::text) - '0/0'::pg_lsn AS lsn"
"""Writes a marker into the WAL and gives its LSN; `$1` is its text."""

LANE_LOCK = "SELECT pg_advisory_lock(hashtext('pg2es backfill ' || $1::text), $2::int)"
"""Waits for the lane `$2` of pipeline `$1`; the end of the session, however it comes, gives it back."""

SOURCE_LOCK = "SELECT pg_advisory_lock(hashtext('pg2es source ' || $1::text))"
"""Waits for the right to change what belongs to source `$1`; the session's end gives it back."""

LOCK_TIMEOUT = "SELECT set_config('lock_timeout', $1::text, false)"
"""`$1` with its unit, such as `5s`. A lock that is not had by then: SQLSTATE 55P03."""

SOURCE_LOCK_HOLDER = """\
SELECT a.pid, coalesce(host(a.client_addr), 'local'), to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS OF')
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND a.datname = current_database()
  AND (l.classid::bigint << 32 | l.objid::bigint) = hashtext('pg2es source ' || $1::text)"""
"""Process, address and start of the session that holds `SOURCE_LOCK`; no row when it was given back."""
