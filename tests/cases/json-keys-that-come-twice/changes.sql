INSERT INTO twice.events VALUES (3, '{"b": {"c": 1, "c": 2}}');
