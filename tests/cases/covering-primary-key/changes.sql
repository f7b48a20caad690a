UPDATE covering.tools SET code = 'H2' WHERE id = 1;
UPDATE covering.tools SET maker = 'South' WHERE id = 2;
DELETE FROM covering.tools WHERE id = 3;
INSERT INTO covering.tools VALUES (4, 'A', NULL, 20.50);
