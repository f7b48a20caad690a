CREATE SCHEMA soft;
CREATE TABLE soft.owners (id integer PRIMARY KEY, closed boolean NOT NULL DEFAULT false);
CREATE TABLE soft.items (id integer PRIMARY KEY, owner integer REFERENCES soft.owners, deleted_at timestamptz, name text);
CREATE INDEX ON soft.items (owner);
INSERT INTO soft.owners VALUES (1), (2), (3);
INSERT INTO soft.items VALUES (1, 1, NULL, 'a'), (2, 1, now(), 'b'), (3, 2, NULL, 'c'), (4, 3, NULL, 'd'), (5, 3, NULL, 'e');
