"""The operations: core and adapters put together. No Airflow here; the DAGs and the CLI call these."""
