CREATE SCHEMA parts;
CREATE TABLE parts.events (id integer, day date, note text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE parts.january PARTITION OF parts.events FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
CREATE TABLE parts.february (note text, gone integer, day date NOT NULL, id integer NOT NULL);
ALTER TABLE parts.february DROP COLUMN gone;
INSERT INTO parts.events SELECT n, '2024-01-05', 'note ' || n FROM generate_series(1, 3) n;
