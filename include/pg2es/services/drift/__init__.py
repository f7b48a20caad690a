"""Drift: comparing the two sides, and repairing what differs.

    digests ────┐
                ├──▶ suspects ──▶ what differs behind a barrier ──▶ reconciliation: repairs, reports
    comparison ─┘

`digests` compares sums, `comparison` every byte; `suspects` judges what looked different. Changes that are on their way
are no drift. `certificate` puts a comparison of every byte in writing. `read_back` looks whether a filled index stores
what it was sent.
"""

from pg2es.services.drift.certificate import certify
from pg2es.services.drift.comparison import compare
from pg2es.services.drift.csv_file import write_drift
from pg2es.services.drift.digests import compare_digests, list_differing
from pg2es.services.drift.read_back import check_read_back
from pg2es.services.drift.reconciliation import make_equal, reconcile

__all__ = [
    "certify",
    "check_read_back",
    "compare",
    "compare_digests",
    "list_differing",
    "make_equal",
    "reconcile",
    "write_drift",
]
