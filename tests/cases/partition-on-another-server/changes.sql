INSERT INTO sharded.events VALUES (1, '2024-05-01');
