"""Retire: removes the generations that were replaced and kept long enough, each after its sink."""

from pg2es_airflow import make_dags

make_dags(globals(), jobs=["retire"])
