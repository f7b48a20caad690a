"""Recover: a source whose slot was lost, or whose standby was promoted, streams again, and its indices become right."""

from pg2es_airflow import make_dags

make_dags(globals(), jobs=["recover"])
