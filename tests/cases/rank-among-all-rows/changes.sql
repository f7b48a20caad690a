UPDATE ladder.players SET score = 1000 WHERE id = 2;
DELETE FROM ladder.players WHERE id = 4;
