-- Fills the shop. Every value follows from the settings demo.orders and demo.seed and from the row's number, so the
-- same settings give the same rows. Among ordinary values there are all those that a pipeline is likely to get wrong.

-- A die with `sides` sides, from 0: thrown once for each row and purpose.
CREATE FUNCTION pg_temp.roll(purpose text, n bigint, sides integer) RETURNS integer STABLE LANGUAGE sql AS $$
    SELECT ((hashint8extended(n, hashtextextended(purpose, current_setting('demo.seed')::bigint)) & 1152921504606846975)
            % sides)::integer
$$;

CREATE FUNCTION pg_temp.product_id(n bigint) RETURNS uuid STABLE LANGUAGE sql AS $$
    SELECT md5('product ' || n || ' of ' || current_setting('demo.seed'))::uuid
$$;

CREATE FUNCTION pg_temp.customers() RETURNS integer STABLE LANGUAGE sql AS $$
    SELECT greatest(10, current_setting('demo.orders')::integer / 10)
$$;

CREATE FUNCTION pg_temp.products() RETURNS integer STABLE LANGUAGE sql AS $$
    SELECT greatest(10, current_setting('demo.orders')::integer / 50)
$$;

CREATE FUNCTION pg_temp.awkward_text(n integer) RETURNS text IMMUTABLE LANGUAGE sql AS $$
    SELECT (ARRAY[
        '', ' ', 'null', 'NaN', '{"a": [1, "b"]}', '</script><b>&amp;', '%s {} $1 ? :name ${env:HOME}',
        'O''Brien said "no" \ "never\"', E'tab\tnewline\nreturn\rbackspace\bform feed\f', E'\x01\x02\x1f\x7f',
        U&'line\2028paragraph\2029byte order mark\FEFF', 'Zürich, 東京, Ελλάδα, שלום, مرحبا', 'e' || U&'\0301' || ' is not é',
        '👩‍👩‍👧‍👦 🇺🇳 🏳️‍🌈', '𝔘𝔫𝔦𝔠𝔬𝔡𝔢 beyond 16 bits', repeat('much of the same ', 200)
    ])[1 + n % 16]
$$;

-- Text that does not compress, so that its length is what PostgreSQL stores: above about 2 kB outside the row.
CREATE FUNCTION pg_temp.long_text(n bigint, parts integer) RETURNS text STABLE LANGUAGE sql AS $$
    SELECT string_agg(md5(n || ' ' || part), ' ' ORDER BY part) FROM generate_series(1, parts) part
$$;

INSERT INTO public.customers
SELECT n,
       CASE WHEN pg_temp.roll('name', n, 10) = 0 THEN pg_temp.awkward_text(pg_temp.roll('awkward name', n, 1000))
            ELSE (ARRAY['Ada', 'Bo', 'Chloé', 'Dmitri', 'Ewa', 'Femi', 'Gül', 'Hana'])[1 + pg_temp.roll('first', n, 8)]
                 || ' ' || (ARRAY['Lovelace', 'Ng', 'Dupont', 'Иванов', 'Nowak', 'Okafor', 'Öz', 'Sató'])[1 + pg_temp.roll('last', n, 8)]
       END,
       CASE WHEN pg_temp.roll('email', n, 20) > 0 THEN format('"customer %s"@example.org', n) END,
       (ARRAY['DE', 'FR', 'JP', 'NG', 'X', '', NULL])[1 + pg_temp.roll('country', n, 7)],
       CASE pg_temp.roll('tags', n, 8)
           WHEN 0 THEN NULL
           WHEN 1 THEN '{}'
           WHEN 2 THEN ARRAY[NULL, 'with "quotes"', 'with, comma', 'with {braces}', '']
           WHEN 3 THEN ARRAY[['two', 'dimensions'], ['and', NULL]]
           WHEN 4 THEN ARRAY[pg_temp.awkward_text(pg_temp.roll('awkward tag', n, 1000))]
           ELSE ARRAY['newsletter', 'vip', 'tag ' || pg_temp.roll('tag', n, 100)]
       END,
       (ARRAY['0001-01-01', '1582-10-10', '1900-02-28', '2000-02-29', '9999-12-31', NULL]::date[])[1 + pg_temp.roll('birthday', n, 30)],
       CASE pg_temp.roll('created', n, 100)
           WHEN 0 THEN '0001-01-01 00:00:00.000001+00'
           WHEN 1 THEN '9999-12-31 23:59:59.999999+00'
           ELSE timestamptz '2020-01-01 00:00+00' + pg_temp.roll('created at', n, 150000000) * interval '1.000001 second'
       END
FROM generate_series(1, pg_temp.customers()) n;

INSERT INTO public.products
SELECT pg_temp.product_id(n),
       format('SKU-%s%s', lpad(n::text, 7, '0'), CASE WHEN pg_temp.roll('sku', n, 20) = 0 THEN ' "ü\/"' END),
       CASE WHEN pg_temp.roll('product', n, 10) = 0 THEN pg_temp.awkward_text(pg_temp.roll('awkward product', n, 1000))
            ELSE (ARRAY['blue', 'small', 'loud', 'édition', '1.5″'])[1 + pg_temp.roll('kind', n, 5)]
                 || ' ' || (ARRAY['lamp', 'kettle', 'drum', 'shelf', 'rope'])[1 + pg_temp.roll('thing', n, 5)] || ' ' || n
       END,
       CASE pg_temp.roll('price', n, 50)
           WHEN 0 THEN 0
           WHEN 1 THEN 9999999999.99
           WHEN 2 THEN -0.01
           ELSE pg_temp.roll('cents', n, 100000) / 100.0
       END,
       CASE pg_temp.roll('attributes', n, 5)
           WHEN 0 THEN NULL
           WHEN 1 THEN 'null'::jsonb
           ELSE jsonb_build_object('colour', pg_temp.awkward_text(pg_temp.roll('colour', n, 1000)),
                                   'sizes', jsonb_build_array(1, 2.50, NULL, '1e-30'::numeric),
                                   'nested', jsonb_build_object('empty', '{}'::jsonb, 'nothing', NULL, 'n', n))
       END
FROM generate_series(1, pg_temp.products()) n;

INSERT INTO public.orders
SELECT n,
       CASE WHEN pg_temp.roll('guest', n, 20) > 0 THEN 1 + pg_temp.roll('customer', n, pg_temp.customers()) END,
       (ARRAY['new', 'paid', 'packed', 'shipped', 'returned'])[1 + pg_temp.roll('status', n, 5)],
       CASE
           WHEN pg_temp.roll('note', n, 100) < 2 THEN pg_temp.long_text(n, 100 + pg_temp.roll('length', n, 400))
           WHEN pg_temp.roll('note', n, 100) < 10 THEN pg_temp.awkward_text(pg_temp.roll('awkward note', n, 1000))
           WHEN pg_temp.roll('note', n, 100) < 40 THEN 'Please leave it at door ' || n
       END,
       CASE pg_temp.roll('weight', n, 20)
           WHEN 0 THEN NULL
           WHEN 1 THEN 'NaN'
           WHEN 2 THEN '-Infinity'
           WHEN 3 THEN 12345678901234567890123456789.000000000000000000000000000010
           WHEN 4 THEN repeat('9', 120)::numeric
           WHEN 5 THEN 0.000000000000000000000000000001
           WHEN 6 THEN 1.50
           ELSE pg_temp.roll('grams', n, 100000) / 1000.0
       END,
       CASE pg_temp.roll('meta', n, 10)
           WHEN 0 THEN '[]'::jsonb
           WHEN 1 THEN '"text"'::jsonb
           WHEN 2 THEN '[[[[[[{"deep": [null, {"er": [1e300, -0.0, true]}]}]]]]]]'::jsonb
           WHEN 3 THEN jsonb_build_object('with "quotes"', 1, 'with.dot', 2, 'with space', 3, 'ключ', 4, '_id', 5)
           WHEN 4 THEN jsonb_build_object('text', pg_temp.awkward_text(pg_temp.roll('awkward meta', n, 1000)))
           WHEN 5 THEN jsonb_build_object('browser', 'x', 'ip', '::1', 'clicks', n)
       END,
       timestamptz '2024-01-01 00:00+00' + pg_temp.roll('ordered', n, 60000000) * interval '1.001001 second',
       CASE pg_temp.roll('shipped', n, 4)
           WHEN 0 THEN timestamp '2024-01-02 03:04:05.5' + pg_temp.roll('shipped at', n, 60000000) * interval '1 second'
           WHEN 1 THEN '1970-01-01'
       END
FROM generate_series(1, current_setting('demo.orders')::integer) n;

-- Three items on average: most orders have one to five, some none, a few very many.
INSERT INTO public.order_items
SELECT n,
       line,
       pg_temp.product_id(1 + pg_temp.roll('product ' || line, n, pg_temp.products())),
       1 + pg_temp.roll('quantity', n * 1000 + line, 9),
       pg_temp.roll('paid', n * 1000 + line, 1000000) / 100.0
FROM generate_series(1, current_setting('demo.orders')::integer) n,
     generate_series(1, CASE WHEN pg_temp.roll('many', n, 1000) = 0 THEN 80
                             WHEN pg_temp.roll('none', n, 50) = 0 THEN 0
                             ELSE 1 + pg_temp.roll('lines', n, 5) END) line;
