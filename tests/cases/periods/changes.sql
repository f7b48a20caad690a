UPDATE periods.prices SET cents = 7 WHERE valid @> '2024-01-15'::date;
UPDATE periods.prices SET room = 2 WHERE valid @> '2024-03-01'::date;
INSERT INTO periods.prices VALUES (2, '[2024-01-01,2024-02-01)', 2, 9);
DELETE FROM periods.prices WHERE id = 2;
