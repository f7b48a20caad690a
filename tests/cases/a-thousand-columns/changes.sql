UPDATE wide.readings SET c999 = 'last' WHERE id LIKE 'k1%';
DELETE FROM wide.readings WHERE id LIKE 'k2%';
UPDATE wide.readings SET id = 'other', c1 = 'first' WHERE id LIKE 'k3%';
