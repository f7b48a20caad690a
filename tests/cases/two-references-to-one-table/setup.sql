CREATE SCHEMA cup;
CREATE TABLE cup.teams (id integer PRIMARY KEY, name text NOT NULL);
CREATE TABLE cup.games (
  id integer PRIMARY KEY, home integer REFERENCES cup.teams, away integer REFERENCES cup.teams ON DELETE SET NULL
);
CREATE TABLE cup.goals (id integer PRIMARY KEY, team integer REFERENCES cup.teams);
CREATE INDEX ON cup.games (home);
CREATE INDEX ON cup.games (away);
CREATE INDEX ON cup.goals (team);
ALTER TABLE cup.games REPLICA IDENTITY FULL;
ALTER TABLE cup.goals REPLICA IDENTITY FULL;
INSERT INTO cup.teams VALUES (1, 'A'), (2, 'B'), (3, 'C');
INSERT INTO cup.games VALUES (1, 1, 2), (2, 2, 3);
INSERT INTO cup.goals VALUES (1, 1), (2, 3);
