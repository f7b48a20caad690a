BEGIN; UPDATE moving.slots SET id = -1 WHERE id = 1; UPDATE moving.slots SET id = 1 WHERE id = 2; UPDATE moving.slots SET id = 2 WHERE id = -1; COMMIT;
BEGIN; UPDATE moving.slots SET id = 30 WHERE id = 3; UPDATE moving.slots SET id = 3 WHERE id = 30; COMMIT;
BEGIN; DELETE FROM moving.slots WHERE id = 4; INSERT INTO moving.slots VALUES (4, 'somebody else'); COMMIT;
BEGIN; SAVEPOINT s; UPDATE moving.slots SET id = id + 100; ROLLBACK TO s; UPDATE moving.slots SET id = 50 WHERE id = 5; COMMIT;
MERGE INTO moving.slots s USING (VALUES (6, ''), (8, 'merged')) v (id, guest) ON s.id = v.id
  WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (v.id, v.guest);
UPDATE moving.slots SET id = id + 1 WHERE id = 50;
