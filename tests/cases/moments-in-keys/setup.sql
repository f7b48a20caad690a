CREATE SCHEMA moments;
CREATE TABLE moments.readings (
  sensor integer, at timestamptz, value numeric, PRIMARY KEY (sensor, at)
) PARTITION BY RANGE (at);
CREATE TABLE moments.early PARTITION OF moments.readings FOR VALUES FROM (MINVALUE) TO ('2024-01-01 00:00Z');
CREATE TABLE moments.late PARTITION OF moments.readings DEFAULT;
CREATE TABLE moments.remarks (
  id integer PRIMARY KEY, sensor integer, at timestamptz(3), text text
);
CREATE INDEX ON moments.remarks (sensor, at);
ALTER TABLE moments.remarks REPLICA IDENTITY FULL;
CREATE TABLE moments.shifts (begins timestamp(0) PRIMARY KEY, who text);
INSERT INTO moments.readings VALUES
  (1, '2023-12-31 23:59:59.999999+00', 1), (1, '2024-03-31 03:30:00.5+02', 2), (2, '0044-03-15 12:00:00+00 BC', 3),
  (2, 'infinity', 4), (3, '12024-01-01 00:00:00+00', 5);
INSERT INTO moments.remarks VALUES (1, 1, '2024-03-31 01:30:00.5+00', 'gone back');
INSERT INTO moments.shifts VALUES ('2024-03-31 02:30:00', 'Ann'), ('-infinity', 'Ben'), ('2024-01-01 00:00:00', 'Cid');
