INSERT INTO numbers.papers (id, plain, exact, rough) VALUES (3, '[1.10, 1E2, {"deep": {"null": null}}]', 1e20, -0.0);
UPDATE numbers.papers SET exact = 0.1000 WHERE id = 2;
