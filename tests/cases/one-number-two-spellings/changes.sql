UPDATE scaled.versions SET no = 7.00 WHERE no = 7;
UPDATE scaled.versions SET name = upper(name);
DELETE FROM scaled.versions WHERE no = 8.1;
DELETE FROM scaled.versions WHERE no = 'NaN';
UPDATE scaled.versions SET no = 7.0, name = 'Seven' WHERE no = 7;
