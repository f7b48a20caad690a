CREATE EXTENSION IF NOT EXISTS citext;
CREATE SCHEMA folded;
CREATE TABLE folded.users (login text PRIMARY KEY);
CREATE TABLE folded.posts (id bigint PRIMARY KEY, login citext NOT NULL);
CREATE INDEX ON folded.posts (login);
ALTER TABLE folded.posts REPLICA IDENTITY FULL;
INSERT INTO folded.users VALUES ('ann');
