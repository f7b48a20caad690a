UPDATE halves.books SET code = 'y' WHERE id = 3;
UPDATE halves.shelves SET hall = 10 WHERE hall = 1;
DELETE FROM halves.shelves WHERE hall = 2;
UPDATE halves.books SET hall = 10, code = 'x"' WHERE id IN (2, 4);
UPDATE halves.books SET code = NULL WHERE id = 1;
