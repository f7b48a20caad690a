UPDATE same.orders SET "select" = 'A';
UPDATE "SAME".orders SET id = 10;
UPDATE "same-$"."order's" SET "a""b\c" = 'D';
INSERT INTO "SAME".orders VALUES (1, 'new', NULL);
