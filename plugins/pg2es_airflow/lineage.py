"""What OpenLineage is told, where Airflow has its provider: from which tables the index of a pipeline is made.

Names of tables are those of OpenLineage's specification, so that they meet what other tools say of them. It has none
for Elasticsearch: its host stands as a database's does, and the alias as the name.
"""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pg2es_airflow.project import of_pipeline

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage


def describe_lineage(name: str) -> "OperatorLineage":
    """Return the tables and the index of a pipeline as OpenLineage's provider asks for them."""
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import InputDataset, OutputDataset

    servers, pipeline = of_pipeline(name)
    postgres = servers.postgres_of_connectors(servers.project.source_of(pipeline))
    database = f"postgres://{postgres.host}:{postgres.port}"
    cluster = urlsplit(servers.elasticsearch_access().urls[0])
    return OperatorLineage(
        inputs=[InputDataset(database, f"{postgres.database}.{table}") for table in pipeline.tables],
        outputs=[OutputDataset(f"elasticsearch://{cluster.hostname}:{cluster.port or 9200}", pipeline.alias)],
    )
