INSERT INTO folded.posts VALUES (1, 'ANN');
