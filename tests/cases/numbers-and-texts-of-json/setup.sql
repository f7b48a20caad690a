CREATE SCHEMA numbers;
CREATE TABLE numbers.papers (id integer PRIMARY KEY, plain json, binary_ jsonb, exact numeric, rough float8, single real,
  price money, bits varbit, words tsvector, markup xml, host inet);
INSERT INTO numbers.papers VALUES
  (1, '{"n": 1e400, "m": 123456789012345678901234567890, "z": -0.0, "s": "\u00e9\t"}',
   '{"n": 1e40, "m": 0.123456789012345678901234567890}', 'NaN', 'Infinity', 'NaN', '-1234.5', B'101', 'b a:1',
   '<a>&amp;</a>', '10.0.0.1/8'),
  (2, NULL, '{"a": 1, "a": 2, "b": [null, {"c": null}]}', '-Infinity', 1e300, 1e38, NULL, NULL, NULL, NULL, '::1');
