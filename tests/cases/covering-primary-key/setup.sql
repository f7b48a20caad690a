CREATE SCHEMA covering;
CREATE TABLE covering.tools (
  id bigint, code text NOT NULL, maker text, price numeric(10,2), PRIMARY KEY (id) INCLUDE (code, maker)
);
INSERT INTO covering.tools VALUES (1, 'H', 'North', 9.90), (2, 'S', NULL, 4.00), (3, 'W', 'West', 1.00);
