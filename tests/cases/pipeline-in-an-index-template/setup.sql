CREATE SCHEMA templated;
CREATE TABLE templated.offers (id bigint PRIMARY KEY, price numeric(12,4) NOT NULL, weight numeric);
INSERT INTO templated.offers VALUES (1, 19.9000, 1.250), (2, 1.0000, 12345678901234567890.123456789);
