CREATE SCHEMA spelled;
CREATE TABLE spelled.users (id uuid PRIMARY KEY);
CREATE TABLE spelled.logins (no integer PRIMARY KEY, who text);
CREATE INDEX ON spelled.logins (who);
ALTER TABLE spelled.logins REPLICA IDENTITY FULL;
INSERT INTO spelled.users VALUES ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11');
