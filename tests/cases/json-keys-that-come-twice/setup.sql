CREATE SCHEMA twice;
CREATE TABLE twice.events (id bigint PRIMARY KEY, body json NOT NULL);
INSERT INTO twice.events VALUES (1, '{"a": 1, "a": 2}'), (2, '{"a": 1}');
