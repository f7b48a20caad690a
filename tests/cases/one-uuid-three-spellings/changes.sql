INSERT INTO spelled.logins VALUES (1, 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'), (2, 'nobody'), (3, '{a0eebc99');
INSERT INTO spelled.logins VALUES (4, 'a0eebc999c0b4ef8bb6d6bb9bd380a11');
INSERT INTO spelled.logins VALUES (5, '{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}');
DELETE FROM spelled.logins WHERE no = 1;
