UPDATE virtual.words SET word = 'CLOUDS' WHERE id = 12;
DELETE FROM virtual.words WHERE id = 11;
