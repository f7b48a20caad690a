DELETE FROM blog.tags WHERE id = 2;
UPDATE blog.posts SET id = 10 WHERE id = 1;
DELETE FROM blog.posts WHERE id = 3;
UPDATE blog.tags SET name = 'Z' WHERE id = 3;
WITH new AS (INSERT INTO blog.tags VALUES (4, 'new') RETURNING id) INSERT INTO blog.posts SELECT id, 'four' FROM new;
INSERT INTO blog.tagged VALUES (4, 4);
TRUNCATE blog.likes;
INSERT INTO blog.likes VALUES (4, 'eve');
