CREATE SCHEMA "Odd Names";
CREATE TABLE "Odd Names"."Order Details" (
  "OrderID" integer,
  "Product, ID" integer,
  "Unit Price ($)" numeric(10,2) NOT NULL,
  "Quantity" smallint NOT NULL,
  PRIMARY KEY ("OrderID", "Product, ID")
);
CREATE TABLE "Odd Names"."größe(n)+[x]*^" ("i.d" text PRIMARY KEY, "say ""hi"" now" text, " outer " text, "100%" text, "a\b" text);
CREATE TABLE "Odd Names"."it's" ("№" bigint PRIMARY KEY, "größe" text NOT NULL, "what?" text);
CREATE INDEX ON "Odd Names"."it's" ("größe");
ALTER TABLE "Odd Names"."it's" REPLICA IDENTITY FULL;
INSERT INTO "Odd Names"."Order Details" VALUES (10248, 11, 14.00, 12), (10248, 42, 9.80, 10);
INSERT INTO "Odd Names"."größe(n)+[x]*^" VALUES ('a,b', 'yes', ' x ', '%', '\'), ('ß', NULL, NULL, NULL, NULL);
INSERT INTO "Odd Names"."it's" VALUES (1, 'a,b', 'first'), (2, 'ß', 'second');
