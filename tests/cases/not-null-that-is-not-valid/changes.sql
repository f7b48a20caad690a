UPDATE late.devices SET serial = 'S-20' WHERE id = 2;
INSERT INTO late.devices VALUES (3, 'S-2');
