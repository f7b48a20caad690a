CREATE SCHEMA sharded;
CREATE TABLE sharded.events (id integer NOT NULL, day date) PARTITION BY RANGE (day);
CREATE TABLE sharded.here PARTITION OF sharded.events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE FOREIGN TABLE sharded.there PARTITION OF sharded.events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') SERVER shard;
