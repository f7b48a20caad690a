SET TimeZone = 'America/New_York'; UPDATE moments.readings SET value = value * 10; DELETE FROM moments.readings WHERE sensor = 3;
UPDATE moments.readings SET at = '2024-01-01 00:00:00+00' WHERE at < '2024-01-01' AND sensor = 1;
INSERT INTO moments.remarks VALUES (2, 2, 'infinity', 'for ever'), (3, 1, '2024-01-01 01:00:00+01', 'new year');
UPDATE moments.remarks SET at = '2024-01-01 00:00:00+00' WHERE id = 1;
UPDATE moments.readings SET at = '2024-06-01 12:00:00.25+00' WHERE at = 'infinity';
UPDATE moments.shifts SET begins = begins + interval '1 hour' WHERE who = 'Ann';
UPDATE moments.shifts SET who = 'Bob' WHERE begins = '-infinity';
DELETE FROM moments.shifts WHERE who = 'Cid';
