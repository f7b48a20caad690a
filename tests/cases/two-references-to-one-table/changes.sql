UPDATE cup.games SET home = away, away = home WHERE id = 1;
UPDATE cup.games SET home = 3, away = NULL WHERE id = 2;
INSERT INTO cup.games VALUES (3, 1, 1);
TRUNCATE cup.goals;
