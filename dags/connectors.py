"""Connectors: keeps the Debezium source and the sinks of each source as the files say, and steers them."""

from pg2es_airflow import make_dags

make_dags(globals(), jobs=["connectors"])
