ALTER TYPE typed.mood ADD VALUE 'glad';
UPDATE typed.people SET mood = 'glad', moods = '{glad}' WHERE no = 2;
UPDATE typed.pets SET owner = 2, mood = 'glad';
ALTER TYPE typed.address ADD ATTRIBUTE zip text CASCADE;
UPDATE typed.people SET home = ROW('High St', 1, 'N1') WHERE no = 1;
