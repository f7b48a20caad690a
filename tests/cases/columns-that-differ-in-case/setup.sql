CREATE SCHEMA folded_columns;
CREATE TABLE folded_columns.devices (id bigint PRIMARY KEY, "Name" text, name text);
INSERT INTO folded_columns.devices VALUES (1, 'PUMP 1', 'pump'), (2, NULL, 'valve');
