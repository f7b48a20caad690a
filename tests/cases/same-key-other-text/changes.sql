UPDATE texts.stock SET count = 50 WHERE code = 'AX' AND site = 1;
INSERT INTO texts.stock VALUES ('DI', 2, 11);
DELETE FROM texts.stock WHERE code = 'AX' AND site = 2;
UPDATE texts.samples SET result = 'bad' WHERE no = 7;
INSERT INTO texts.samples VALUES (8.5, 2, 'fair');
INSERT INTO texts.desks VALUES (3, 2, 'Ben');
UPDATE texts.files SET kind = 'pdf' WHERE hash = '\x00ff10ab';
UPDATE texts.files SET kind = 'png' WHERE hash = '\xdeadbeef';
