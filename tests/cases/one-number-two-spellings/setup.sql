CREATE SCHEMA scaled;
CREATE TABLE scaled.versions (no numeric PRIMARY KEY, name text NOT NULL);
INSERT INTO scaled.versions VALUES
  (7, 'seven'), ('NaN', 'none'), (1e30, 'large'), (0.00000001, 'small'), (-0.0, 'zero'), (8.10, 'gone');
