CREATE SCHEMA moving;
CREATE TABLE moving.slots (id integer PRIMARY KEY, guest text NOT NULL);
INSERT INTO moving.slots SELECT n, 'guest ' || n FROM generate_series(1, 7) n;
