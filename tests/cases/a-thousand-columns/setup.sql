CREATE SCHEMA wide;
DO $$ BEGIN EXECUTE 'CREATE TABLE wide.readings (id text STORAGE EXTERNAL PRIMARY KEY, '
  || (SELECT string_agg(format('c%s text STORAGE EXTERNAL', n), ', ' ORDER BY n) FROM generate_series(1, 999) n) || ')'; END $$;
DO $$ BEGIN EXECUTE 'INSERT INTO wide.readings SELECT ''k'' || i || repeat(''-'', 300), '
  || (SELECT string_agg(CASE WHEN n <= 300 THEN format('repeat(md5(i || ''%s''), 3)', n) ELSE 'NULL' END, ', ' ORDER BY n)
      FROM generate_series(1, 999) n)
  || ' FROM generate_series(1, 3) i'; END $$;
