CREATE SCHEMA generated;
CREATE TABLE generated.recipes (id bigint PRIMARY KEY, title text NOT NULL);
CREATE TABLE generated.steps (
  id bigint PRIMARY KEY,
  recipe_id bigint NOT NULL REFERENCES generated.recipes,
  place integer NOT NULL,
  words text NOT NULL,
  vector tsvector GENERATED ALWAYS AS (to_tsvector('simple', words)) STORED
);
CREATE INDEX ON generated.steps (recipe_id);
CREATE TABLE generated.photos (
  id uuid PRIMARY KEY,
  tags jsonb NOT NULL,
  recipe_id bigint GENERATED ALWAYS AS ((tags ->> 'recipe')::bigint) STORED REFERENCES generated.recipes
);
CREATE INDEX ON generated.photos (recipe_id);
ALTER TABLE generated.steps REPLICA IDENTITY FULL;
ALTER TABLE generated.photos REPLICA IDENTITY FULL;
INSERT INTO generated.recipes VALUES (1, 'Soup'), (2, 'Bread');
INSERT INTO generated.steps VALUES (11, 1, 1, 'Peel'), (12, 1, 2, 'Boil'), (13, 2, 1, 'Knead');
INSERT INTO generated.photos VALUES
  ('00000000-0000-4000-8000-000000000001', '{"recipe": 1, "file": "pot.png"}'),
  ('00000000-0000-4000-8000-000000000002', '{"recipe": 2, "file": "oven.png"}');
