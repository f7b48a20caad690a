CREATE SCHEMA blog;
CREATE TABLE blog.posts (id integer PRIMARY KEY, title text NOT NULL);
CREATE TABLE blog.tags (id integer PRIMARY KEY, name text NOT NULL);
CREATE TABLE blog.tagged (
  post integer REFERENCES blog.posts ON DELETE CASCADE ON UPDATE CASCADE, tag integer REFERENCES blog.tags ON DELETE CASCADE,
  PRIMARY KEY (post, tag)
);
CREATE INDEX ON blog.tagged (tag);
CREATE TABLE blog.likes (post integer REFERENCES blog.posts ON UPDATE CASCADE ON DELETE CASCADE, who text, PRIMARY KEY (post, who));
INSERT INTO blog.posts VALUES (1, 'one'), (2, 'two'), (3, 'three');
INSERT INTO blog.tags VALUES (1, 'x'), (2, 'y'), (3, 'z');
INSERT INTO blog.tagged VALUES (1, 1), (1, 2), (2, 2), (3, 3), (2, 3);
INSERT INTO blog.likes VALUES (1, 'ann'), (2, 'bob');
