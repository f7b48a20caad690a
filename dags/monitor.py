"""Monitor: looks at servers, sources and pipelines each minute (platform.yaml: `monitor.every_s`)."""

from pg2es_airflow import make_dags

make_dags(globals(), jobs=["monitor"])
