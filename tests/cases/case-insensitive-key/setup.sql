CREATE SCHEMA collated;
CREATE COLLATION collated.folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE collated.users (login text COLLATE collated.folded PRIMARY KEY, name text);
INSERT INTO collated.users VALUES ('Ann', 'Ann'), ('bob', 'Bob');
