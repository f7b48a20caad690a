CREATE SCHEMA ladder;
CREATE TABLE ladder.players (id bigint PRIMARY KEY, score integer NOT NULL);
INSERT INTO ladder.players SELECT n, 10 * n FROM generate_series(1, 4) n;
