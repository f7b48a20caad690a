INSERT INTO imported.pages VALUES (1, 'a', 'b');
