"""pg2es keeps Elasticsearch equal to PostgreSQL. Layers: cli → services → adapters → core."""
