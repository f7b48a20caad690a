"""Airflow assets by which DAGs follow upon one another."""

from airflow.sdk import Asset


def swapped(pipeline: str) -> Asset:
    """Return the asset that changes when the alias of a pipeline goes to another generation."""
    return Asset(f"pg2es_{pipeline}_swapped")


def reconciled(pipeline: str) -> Asset:
    """Return the asset that changes with each reconciliation; its events carry outcome and counts."""
    return Asset(f"pg2es_{pipeline}_reconciled")
