UPDATE tree.nodes SET name = 'LEFT' WHERE id = 2;
UPDATE tree.nodes SET parent = 3 WHERE id = 4;
UPDATE tree.nodes SET id = 10 WHERE id = 1;
INSERT INTO tree.nodes VALUES (5, 'own parent', 5);
DELETE FROM tree.nodes WHERE id = 3;
