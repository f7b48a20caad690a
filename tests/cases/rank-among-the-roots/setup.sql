CREATE SCHEMA league;
CREATE TABLE league.players (id bigint PRIMARY KEY, score integer NOT NULL);
INSERT INTO league.players SELECT n, 10 * n FROM generate_series(1, 5) n;
