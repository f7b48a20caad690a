"""The Airflow side of pg2es: connections, Params, retries and the tasks that the DAG files wire."""
