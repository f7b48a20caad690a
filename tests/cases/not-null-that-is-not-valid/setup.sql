CREATE SCHEMA late;
CREATE TABLE late.devices (id bigint PRIMARY KEY, serial text UNIQUE);
INSERT INTO late.devices VALUES (1, NULL), (2, 'S-2');
ALTER TABLE late.devices ADD CONSTRAINT has_serial NOT NULL serial NOT VALID;
CREATE UNIQUE INDEX devices_identity ON late.devices (id);
ALTER TABLE late.devices REPLICA IDENTITY FULL;
