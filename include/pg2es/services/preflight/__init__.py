"""The preflight: everything that can be known before anything runs, asked of the real servers.

    platform   Elasticsearch, Kafka, Kafka Connect: reachable, rights, plugins
    source     wal_level, free slots, rights, publication
    tables     keys, unique index, what old rows carry, hidden rows
    document   the document SQL runs, its columns, one row for each root, what it reads
    lookups    an index behind every way from a change to a document
    index      the mapping is accepted, and takes some documents

A check gives its findings as they come, and returns what later checks go on with (`Checking`).

Nothing is changed, but for an index with a name of its own that is made and removed. A check that cannot be done,
because an earlier one failed, is left out. What needs no rows and no index is asked again later (`watch`): by each
plan, so before each backfill and reindex, before a recovery, and by the monitor.
"""

from pg2es.services.preflight.checks import run
from pg2es.services.preflight.watch import plan, require_sound, watch

__all__ = ["plan", "require_sound", "run", "watch"]
