"""Schema watch: what migrations and changed files mean for each pipeline, and what follows from it."""

from pg2es_airflow import make_dags

make_dags(globals(), jobs=["schema_watch"])
