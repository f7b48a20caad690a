CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE SCHEMA periods;
CREATE TABLE periods.rooms (id integer PRIMARY KEY);
CREATE TABLE periods.prices (
  id integer, valid daterange, room integer NOT NULL, cents integer NOT NULL, PRIMARY KEY (id, valid WITHOUT OVERLAPS)
);
CREATE INDEX ON periods.prices (room);
ALTER TABLE periods.prices REPLICA IDENTITY FULL;
INSERT INTO periods.rooms VALUES (1), (2);
INSERT INTO periods.prices VALUES (1, '[2024-01-01,2024-02-01)', 1, 5), (1, '[2024-02-01,)', 1, 6);
