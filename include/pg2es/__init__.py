"""pg2es keeps Elasticsearch equal to PostgreSQL. Layers: cli → services → adapters → core."""

__version__ = "0.1.0"
