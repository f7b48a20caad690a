CREATE SCHEMA tree;
CREATE TABLE tree.nodes (
  id integer PRIMARY KEY, name text NOT NULL, parent integer REFERENCES tree.nodes ON UPDATE CASCADE ON DELETE SET NULL
);
CREATE INDEX ON tree.nodes (parent);
ALTER TABLE tree.nodes REPLICA IDENTITY FULL;
INSERT INTO tree.nodes VALUES (1, 'top', NULL), (2, 'left', 1), (3, 'right', 1), (4, 'leaf', 2);
