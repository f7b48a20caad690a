"""Drift: what a difference between the two sides is, and what a reconciliation found and did.

`digest` sums documents, so that a whole index can be compared cheaply; `comparison` classifies what differs (`missing`,
`stale`, `extra`, `altered`) and says which fields; `reconciliation` is the result of one run; `certificate` says in
writing what was compared, with a `checksum` of each side.
"""

from pg2es.core.drift.certificate import Certificate
from pg2es.core.drift.checksum import Checksums
from pg2es.core.drift.comparison import SAMPLE, Comparison, Drift, classify, find_field_differences
from pg2es.core.drift.digest import BROKEN, Digest, Sums, is_intact
from pg2es.core.drift.reconciliation import Deep, DeepRead, Outcome, Reconciliation

__all__ = [
    "BROKEN",
    "SAMPLE",
    "Certificate",
    "Checksums",
    "Comparison",
    "Deep",
    "DeepRead",
    "Digest",
    "Drift",
    "Outcome",
    "Reconciliation",
    "Sums",
    "classify",
    "find_field_differences",
    "is_intact",
]
