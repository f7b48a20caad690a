UPDATE late.devices SET serial = 'S-1' WHERE id = 1;
ALTER TABLE late.devices VALIDATE CONSTRAINT has_serial;
