UPDATE inherited.animals SET name = 'Eagle owl' WHERE id = 2;
