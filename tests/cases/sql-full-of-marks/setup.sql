CREATE SCHEMA marked;
CREATE TABLE marked.notes (id integer PRIMARY KEY, meta jsonb NOT NULL, "a?b""$1%s" text);
INSERT INTO marked.notes VALUES (1, '{"a": 1}', 'don''t $1 ? :x %s {}'), (2, '{"b": [1]}', E'\\ \n "');
