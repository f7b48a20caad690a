CREATE SCHEMA endless;
CREATE TABLE endless.pages (url text PRIMARY KEY, title text);
INSERT INTO endless.pages VALUES ('', 'nowhere'), (repeat('é', 256), 'fits'), ('https://' || repeat('x', 505), 'does not');
