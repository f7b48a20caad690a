INSERT INTO poly.comments VALUES ('recipe', '1', 2, 'With salt');
INSERT INTO poly.comments VALUES ('video', '5b1f6c1e-0000-4000-8000-000000000009', 2, 'Too long'), ('video', '', 1, 'None');
INSERT INTO poly.comments VALUES ('recipe', '2', 1, 'Soft');
UPDATE poly.comments SET body = 'Very tasty' WHERE subject_type = 'recipe' AND subject_id = '1' AND no = 1;
UPDATE poly.comments SET subject_type = 'video', subject_id = 'x' WHERE subject_id = '1' AND no = 2;
DELETE FROM poly.comments WHERE subject_type = 'video' AND no = 1;
UPDATE poly.recipes SET title = 'Rye bread' WHERE id = 1;
