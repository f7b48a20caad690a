UPDATE marked.notes SET meta = meta || '{"c": null}' WHERE id = 1;
UPDATE marked.notes SET id = 20 WHERE id = 2;
