UPDATE league.players SET score = 1000 WHERE id = 3;
