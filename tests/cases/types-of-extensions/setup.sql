CREATE EXTENSION IF NOT EXISTS citext;
CREATE EXTENSION IF NOT EXISTS hstore;
CREATE EXTENSION IF NOT EXISTS ltree;
CREATE SCHEMA extended;
CREATE TABLE extended.users (login text PRIMARY KEY, mail citext, attributes hstore, place ltree, places ltree[]);
CREATE TABLE extended.posts (id bigint PRIMARY KEY, login citext NOT NULL, tags hstore);
CREATE INDEX ON extended.posts (login);
CREATE INDEX ON extended.users ((login::citext));
ALTER TABLE extended.posts REPLICA IDENTITY FULL;
INSERT INTO extended.users VALUES
  ('ann', 'Ann@Example.org', 'a=>1, b=>NULL, "c d"=>"\"x\""', 'Top.Science', '{Top.A,Top.B}'), ('bob', NULL, NULL, NULL, NULL);
INSERT INTO extended.posts VALUES (1, 'ANN', 'x=>1');
