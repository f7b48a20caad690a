CREATE SCHEMA named;
CREATE TYPE named.size AS (w integer, h integer);
CREATE TABLE named.boxes (id bigint PRIMARY KEY, label text NOT NULL, d named.size);
CREATE TABLE named.all_of_them (
  k bigint PRIMARY KEY, d integer, doc text, digest text, bucket integer, root text, source text, documents text,
  digests text, texts text, sources text, changed text, pg2es_requested text, "ID" text
);
INSERT INTO named.boxes VALUES (1, 'flat', ROW(10, 1)), (2, 'none', NULL);
INSERT INTO named.all_of_them VALUES (1, 2, 'a', 'b', 3, 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'l');
