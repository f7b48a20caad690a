UPDATE swapped.seats SET place = CASE guest WHEN 'Ada' THEN 2 WHEN 'Ben' THEN 1 ELSE place END;
UPDATE swapped.seats SET guest = 'Cleopatra' WHERE place = 3;
