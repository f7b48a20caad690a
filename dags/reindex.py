"""Reindex: a new generation is made beside the live one, verified, and only then searched."""

from pg2es_airflow import make_dags

make_dags(globals(), jobs=["reindex"])
