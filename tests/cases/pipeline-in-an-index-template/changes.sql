UPDATE templated.offers SET price = 21.5000 WHERE id = 1;
INSERT INTO templated.offers VALUES (3, 0.0100, 0.00000000000000000001);
