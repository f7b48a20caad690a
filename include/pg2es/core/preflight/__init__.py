"""The preflight: findings, and what can be seen in texts alone: an SQL text, a plan of EXPLAIN.

`findings` says what a finding is and how a check gives it; `sql_text` and `explain` read without a server. What asks
one is services/preflight.
"""

from pg2es.core.preflight.explain import Node, WholeScan, relations_of, whole_scans
from pg2es.core.preflight.findings import Checking, Finding, Severity, count_errors, error, info, warning
from pg2es.core.preflight.sql_text import called_functions, clock_readings, masked_sql, unordered_aggregates

__all__ = [
    "Checking",
    "Finding",
    "Node",
    "Severity",
    "WholeScan",
    "called_functions",
    "clock_readings",
    "count_errors",
    "error",
    "info",
    "masked_sql",
    "relations_of",
    "unordered_aggregates",
    "warning",
    "whole_scans",
]
