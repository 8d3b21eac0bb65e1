-- cache_key makes a valid key of any texts. The vectors hold the clients to the same rule. A text in SQL has no U+0000.
\set vectors `cat "$CACHE_PG_VECTORS/cache_key.json"`
CREATE TEMP VIEW vectors AS
    SELECT ARRAY(SELECT json_array_elements_text(vector -> 'parts')) AS parts, vector ->> 'key' AS key
    FROM json_array_elements(:'vectors') AS vector WHERE vector::text NOT LIKE '%\\u0000%';
SELECT count(*) > 20 AS many, count(*) FILTER (WHERE cache_key(VARIADIC parts) = key) = count(*) AS as_stated, min(octet_length(key)), max(octet_length(key))
FROM vectors;
SELECT parts, key, cache_key(VARIADIC parts) AS not_as_stated FROM vectors WHERE cache_key(VARIADIC parts) IS DISTINCT FROM key;
-- Every one of them is a key.
SELECT count(*) FROM vectors WHERE cache_set(cache_key(VARIADIC parts), '1') IS NULL;
SELECT count(*) FROM vectors WHERE NOT cache_exists(cache_key(VARIADIC parts));
SELECT count(*) FROM vectors WHERE cache_key(cache_key(VARIADIC parts)) <> key;
SELECT cache_key('a'), cache_key('menu', 'burger palace', '1'), cache_key(VARIADIC '{a,b}'), cache_key(VARIADIC '{{a,b},{c,d}}');
SELECT cache_key('a', NULL), cache_key(NULL), cache_key(VARIADIC NULL), cache_key('');
SELECT cache_key(VARIADIC '{}') AS of_nothing;
SELECT cache_key('a', '') AS empty_part, cache_key('', 'a') AS empty_part;
SELECT cache_key(repeat('k', 512)) = repeat('k', 512) AS stays, octet_length(cache_key(repeat('k', 513))), cache_key(repeat('k', 513)) <> cache_key(repeat('k', 514)) AS differ;
SELECT every(cache_key(text) = substr(replace(text, E'\n', '_'), 1, 479) || '#' || left(encode(sha256(convert_to(text, 'UTF8')), 'hex'), 32)) AS as_defined
FROM (VALUES (repeat('k', 513)), (E'a\nb'), (E'\n')) AS t (text);
-- Immutable: usable in an index.
CREATE TEMP TABLE indexed (a text, b text);
CREATE INDEX ON indexed (cache_key(a, b));
DROP VIEW vectors;
SELECT cache_clear() > 0;
