CREATE SCHEMA inherited;
CREATE TABLE inherited.animals (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TABLE inherited.birds (wings integer) INHERITS (inherited.animals);
INSERT INTO inherited.animals VALUES (1, 'Snail');
INSERT INTO inherited.birds VALUES (2, 'Owl', 2);
