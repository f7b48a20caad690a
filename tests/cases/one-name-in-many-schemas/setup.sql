CREATE SCHEMA same;
CREATE SCHEMA "SAME";
CREATE SCHEMA "same-$";
CREATE TABLE same.orders (id integer PRIMARY KEY, "select" text, "Übergröße" text);
CREATE TABLE "SAME".orders (id integer PRIMARY KEY, "order" text, ctid_ integer);
CREATE TABLE "same-$"."order's" (id integer PRIMARY KEY, "user" text, "a""b\c" text);
INSERT INTO same.orders VALUES (1, 'a', 'x');
INSERT INTO "SAME".orders VALUES (1, 'b', 2);
INSERT INTO "same-$"."order's" VALUES (1, 'c', 'd');
