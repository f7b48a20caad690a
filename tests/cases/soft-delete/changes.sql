UPDATE soft.items SET deleted_at = now() WHERE id = 1;
UPDATE soft.items SET deleted_at = NULL WHERE id = 2;
UPDATE soft.owners SET closed = true WHERE id = 2;
UPDATE soft.items SET id = 40, deleted_at = now() WHERE id = 4;
UPDATE soft.items SET id = 50, name = 'E' WHERE id = 5;
