"""Recover: a source whose replication slot was lost streams again, and its indices get what the stream has missed."""

from pg2es_airflow import make_dags

make_dags(globals(), jobs=["recover"])
