UPDATE "Odd Names"."Order Details" SET "Quantity" = 13 WHERE "OrderID" = 10248 AND "Product, ID" = 11;
UPDATE "Odd Names"."Order Details" SET "Product, ID" = 43 WHERE "Product, ID" = 42;
UPDATE "Odd Names"."größe(n)+[x]*^" SET "say ""hi"" now" = 'no' WHERE "i.d" = 'a,b';
INSERT INTO "Odd Names"."größe(n)+[x]*^" VALUES ('c', NULL, ' ', 'x', NULL);
UPDATE "Odd Names"."it's" SET "größe" = 'c' WHERE "№" = 1;
UPDATE "Odd Names"."it's" SET "what?" = 'changed' WHERE "№" = 2;
