"""Reconcile: proves that every document equals its row, and repairs those that do not."""

from pg2es_airflow import make_dags

make_dags(globals(), jobs=["reconcile"])
