"""Airflow assets by which DAGs follow upon one another: those of pg2es, and yours by `schedule=[swapped("orders")]`."""

from airflow.sdk import Asset, AssetAlias

SOMETIMES = AssetAlias("pg2es_sometimes")
"""Outlet of tasks that decide while they run whether an asset has changed."""


def backfilled(pipeline: str) -> Asset:
    """Return the asset that changes when every row of a pipeline was read."""
    return Asset(f"pg2es_{pipeline}_backfilled")


def swapped(pipeline: str) -> Asset:
    """Return the asset that changes when the alias of a pipeline goes to another generation."""
    return Asset(f"pg2es_{pipeline}_swapped")


def reconciled(pipeline: str) -> Asset:
    """Return the asset that changes with each reconciliation; its events carry outcome and counts."""
    return Asset(f"pg2es_{pipeline}_reconciled")


def drifted(pipeline: str) -> Asset:
    """Return the asset that changes when a reconciliation has found that documents differ, repaired or not."""
    return Asset(f"pg2es_{pipeline}_drifted")


def breached() -> Asset:
    """Return the asset that changes when the monitor sees that something begins to be wrong."""
    return Asset("pg2es_breached")
