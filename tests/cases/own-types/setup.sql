CREATE SCHEMA typed;
CREATE TYPE typed.mood AS ENUM ('sad', 'content');
CREATE TYPE typed.address AS (street text, house integer);
CREATE DOMAIN typed.addresses AS typed.address[];
CREATE DOMAIN typed.person_no AS bigint CHECK (VALUE > 0);
CREATE TABLE typed.people (
  no bigint PRIMARY KEY, mood typed.mood, moods typed.mood[], home typed.address, homes typed.addresses,
  away int4range, open nummultirange, grid integer[]
);
CREATE TABLE typed.pets (id bigint PRIMARY KEY, owner typed.person_no, mood typed.mood NOT NULL);
CREATE INDEX ON typed.pets (owner);
ALTER TABLE typed.pets REPLICA IDENTITY FULL;
INSERT INTO typed.people VALUES
  (1, 'sad', '{content,NULL}', ROW('High St', 1), ARRAY[ROW('Low "St"', 2), NULL, ROW(NULL, 3)]::typed.address[],
   '[1,5]', '{[1,2.5),(9,)}', '[2:3]={5,NULL}'),
  (2, NULL, NULL, ROW(NULL, NULL), '{}', 'empty', '{}', '{{1,2},{3,4}}');
INSERT INTO typed.pets VALUES (1, 1, 'sad');
