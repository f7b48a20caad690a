CREATE SCHEMA swapped;
CREATE TABLE swapped.seats (place integer PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, guest text NOT NULL);
INSERT INTO swapped.seats VALUES (1, 'Ada'), (2, 'Ben'), (3, 'Cleo');
