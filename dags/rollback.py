"""Rollback: lets the alias point to the generation that was live before the last swap."""

from pg2es_airflow import make_dags

make_dags(globals(), jobs=["rollback"])
