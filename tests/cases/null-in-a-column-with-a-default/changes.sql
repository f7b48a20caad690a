UPDATE rated.reviews SET stars = 1 WHERE id = 1;
INSERT INTO rated.reviews VALUES (4, NULL, 2), (5, DEFAULT, 5);
UPDATE rated.reviews SET product = NULL WHERE id = 3;
