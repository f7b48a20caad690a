INSERT INTO extended.posts VALUES (2, 'aNN', 'y=>2');
UPDATE extended.posts SET login = 'BOB' WHERE id = 1;
UPDATE extended.users SET attributes = attributes || 'e=>5', place = 'Top.Art' WHERE login = 'ann';
