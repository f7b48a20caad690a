"""Dead letters: the records whose documents Elasticsearch refused, in groups, and their replay."""

from pg2es_airflow import make_dags

make_dags(globals(), jobs=["dead_letters"])
