CREATE SCHEMA imported;
CREATE TABLE imported.pages (id bigint PRIMARY KEY, _id text, _source text);
