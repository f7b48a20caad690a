CREATE SCHEMA ends;
CREATE TABLE ends.rates (
  code text,
  until date,
  rate numeric(8,2) NOT NULL,
  PRIMARY KEY (code, until)
);
CREATE TABLE ends.limits (amount numeric PRIMARY KEY, label text NOT NULL);
CREATE TABLE ends.notes (id bigint PRIMARY KEY, code text, until timestamptz, body text NOT NULL);
CREATE INDEX ON ends.notes (code);
ALTER TABLE ends.notes REPLICA IDENTITY FULL;
INSERT INTO ends.rates VALUES ('A', '2024-12-31', 1.10), ('A', 'infinity', 1.25), ('B', 'infinity', 2.00);
INSERT INTO ends.limits VALUES (1.50, 'low'), ('Infinity', 'none'), ('NaN', 'unknown');
INSERT INTO ends.notes VALUES (1, 'A', 'infinity', 'open');
