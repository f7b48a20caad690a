UPDATE named.boxes SET d = ROW(2, 3)::named.size WHERE id = 2;
UPDATE named.all_of_them SET d = 7, root = NULL WHERE k = 1;
INSERT INTO named.all_of_them (k, doc) VALUES (2, 'new');
