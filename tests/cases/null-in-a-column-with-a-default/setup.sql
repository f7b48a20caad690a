CREATE SCHEMA rated;
CREATE TABLE rated.products (id integer PRIMARY KEY, name text NOT NULL);
CREATE TABLE rated.reviews (id integer PRIMARY KEY, product integer DEFAULT 1, stars integer NOT NULL);
ALTER TABLE rated.reviews REPLICA IDENTITY FULL;
INSERT INTO rated.products VALUES (0, 'the shop'), (1, 'lamp'), (2, 'chair');
INSERT INTO rated.reviews VALUES (1, NULL, 3), (2, 1, 4), (3, 2, 5);
