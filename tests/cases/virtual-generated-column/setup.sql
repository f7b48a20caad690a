CREATE SCHEMA virtual;
CREATE TABLE virtual.songs (id bigint PRIMARY KEY, title text NOT NULL);
CREATE TABLE virtual.words (
  id bigint PRIMARY KEY,
  song_id bigint NOT NULL REFERENCES virtual.songs,
  word text NOT NULL,
  folded text GENERATED ALWAYS AS (lower(word)) VIRTUAL
);
CREATE INDEX ON virtual.words (song_id);
ALTER TABLE virtual.words REPLICA IDENTITY FULL;
INSERT INTO virtual.songs VALUES (1, 'Rain');
INSERT INTO virtual.words VALUES (11, 1, 'Umbrella'), (12, 1, 'Cloud');
