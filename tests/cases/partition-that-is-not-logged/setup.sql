CREATE SCHEMA cheap;
CREATE TABLE cheap.events (id integer PRIMARY KEY, note text) PARTITION BY RANGE (id);
CREATE UNLOGGED TABLE cheap.low PARTITION OF cheap.events FOR VALUES FROM (0) TO (100);
INSERT INTO cheap.events VALUES (1, 'a');
