CREATE UNIQUE INDEX words_identity ON virtual.words (id, song_id);
ALTER TABLE virtual.words REPLICA IDENTITY USING INDEX words_identity;
