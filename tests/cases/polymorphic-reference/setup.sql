CREATE SCHEMA poly;
CREATE TABLE poly.recipes (id bigint PRIMARY KEY, title text NOT NULL);
CREATE TABLE poly.comments (
  subject_type text,
  subject_id varchar(40),
  no integer,
  body text NOT NULL,
  PRIMARY KEY (subject_type, subject_id, no)
);
CREATE INDEX ON poly.comments (subject_id);
INSERT INTO poly.recipes VALUES (1, 'Bread'), (2, 'Butter');
INSERT INTO poly.comments VALUES ('recipe', '1', 1, 'Tasty'), ('video', '5b1f6c1e-0000-4000-8000-000000000009', 1, 'Long');
