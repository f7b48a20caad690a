"""Backfill: reads every row of a pipeline's root table into its index, while the stream goes on."""

from pg2es_airflow import make_dags

make_dags(globals(), jobs=["backfill"])
