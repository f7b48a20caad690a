UPDATE generated.steps SET words = 'Peel and cut' WHERE id = 11;
UPDATE generated.steps SET recipe_id = 2, place = 2 WHERE id = 12;
UPDATE generated.photos SET tags = tags || '{"recipe": 2}' WHERE id = '00000000-0000-4000-8000-000000000001';
INSERT INTO generated.photos VALUES ('00000000-0000-4000-8000-000000000003', '{"recipe": 1, "file": "bowl.png"}');
DELETE FROM generated.photos WHERE id = '00000000-0000-4000-8000-000000000002';
