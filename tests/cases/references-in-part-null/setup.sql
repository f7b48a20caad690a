CREATE SCHEMA halves;
CREATE TABLE halves.shelves (hall integer, code text, PRIMARY KEY (hall, code));
CREATE TABLE halves.books (
  id integer PRIMARY KEY, hall integer, code text,
  FOREIGN KEY (hall, code) REFERENCES halves.shelves ON UPDATE CASCADE ON DELETE SET NULL
);
CREATE INDEX ON halves.books (hall, code);
ALTER TABLE halves.books REPLICA IDENTITY FULL;
INSERT INTO halves.shelves VALUES (1, 'x"'), (2, 'y');
INSERT INTO halves.books VALUES (1, 1, 'x"'), (2, NULL, 'x"'), (3, 2, NULL), (4, NULL, NULL);
