-- An entry holds JSON or bytes. Every verb takes both, and has the same limits, tags and conditions for both.
SELECT cache_set_bytes('bytes:a', '\x00ff10', '5 minutes') IS NOT NULL AS set;
SELECT cache_get_bytes('bytes:a'), cache_exists('bytes:a'), cache_ttl_seconds('bytes:a') BETWEEN 290 AND 300 AS ttl;
SELECT key, value, bytes, tags FROM cache_entry('bytes:a');
SELECT cache_set_bytes('bytes:empty', '') IS NOT NULL AS set;
SELECT cache_get_bytes('bytes:empty') = '' AS empty, bytes = '' AS empty, value FROM cache_entry('bytes:empty');

-- Of a JSON entry the readers of bytes return the text.
SELECT cache_set('bytes:json', '{"b": "é", "a": [1, null]}') IS NOT NULL AS set, cache_set('bytes:null', 'null') IS NOT NULL AS set;
SELECT convert_from(cache_get_bytes('bytes:json'), 'UTF8'), convert_from(cache_get_bytes('bytes:null'), 'UTF8');
SELECT key, convert_from(value, 'UTF8') AS value FROM cache_get_many_bytes('{bytes:null,bytes:none,bytes:json,bytes:null}');
SELECT convert_from(cache_get_and_touch_bytes('bytes:json', 600), 'UTF8');
SELECT found, convert_from(value, 'UTF8') AS value, stale, token FROM cache_fetch_bytes('bytes:json');
SELECT convert_from(cache_take_bytes('bytes:json'), 'UTF8'), cache_take_bytes('bytes:json');

-- The readers of JSON refuse bytes, and leave the entry alone.
\pset format unaligned
\pset tuples_only on
SELECT cache_get('bytes:a');
SELECT cache_get_many('{bytes:none,bytes:a}');
SELECT cache_take('bytes:a');
SELECT cache_fetch('bytes:a');
SELECT cache_get_or_set('bytes:a', 'SELECT 1');
SELECT cache_get_and_touch('bytes:a', '1 hour');
SELECT cache_incr('bytes:a');
SELECT cache_incr('bytes:a', 1, NULL, NULL);
SELECT cache_lock('bytes:a', 'owner');
SELECT cache_unlock('bytes:a', 'owner');
SELECT cache_lock_owner('bytes:a');
\pset tuples_only off
\pset format aligned
SELECT cache_get_or_null('bytes:a') IS NULL AS null, cache_get_bytes('bytes:a'), cache_ttl('bytes:a') < '6 minutes' AS untouched;

-- The conditions of a write.
SELECT cache_add_bytes('bytes:a', '\x01') AS add, cache_add_bytes('bytes:b', '\x01') AS add, cache_add('bytes:b', '1') AS add,
       cache_replace_bytes('bytes:none', '\x02') AS replace, cache_replace_bytes('bytes:b', '\x02') AS replace,
       cache_try_set_bytes('bytes:c', '\x03') AS try, cache_try_set_bytes('', '\x03') AS try;
SELECT cache_get_bytes('bytes:a') AS a, cache_get_bytes('bytes:b') AS b, cache_get_bytes('bytes:c') AS c;
SELECT version AS read FROM cache_entry('bytes:b') \gset
SELECT cache_cas_bytes('bytes:b', '\x04', :'read') AS cas;
SELECT cache_cas_bytes('bytes:b', '\x05', :'read') AS cas, cache_cas_bytes('bytes:b', '\x05', NULL) AS cas, cache_get_bytes('bytes:b');
SELECT cache_touch('bytes:b', 3600);
SELECT cache_ttl_seconds('bytes:b') > 3500 AS hour, cache_get_and_touch_bytes('bytes:b', 60), cache_get_and_touch_bytes('bytes:none', 60);
SELECT cache_ttl_seconds('bytes:b') < 61 AS minute, cache_get_bytes('bytes:b');

-- JSON replaces bytes, and bytes replace JSON. Then nothing of the other is left.
SELECT cache_set('bytes:b', '1') IS NOT NULL AS set, cache_set_bytes('bytes:null', '\x06') IS NOT NULL AS set;
SELECT key, value, bytes FROM cache_entries WHERE key IN ('bytes:b', 'bytes:null') ORDER BY key;
SELECT cache_replace_bytes('bytes:b', '\x07') AS replace, cache_replace('bytes:null', '"json"') AS replace;
SELECT key, value, bytes FROM cache_entries WHERE key IN ('bytes:b', 'bytes:null') ORDER BY key;
SELECT cache_delete('bytes:b');
SELECT cache_get_bytes('bytes:b'), cache_add('bytes:b', '8') AS add;
SELECT key, value, bytes FROM cache_entries WHERE key = 'bytes:b';
SELECT cache_take_bytes('bytes:c'), cache_take_bytes('bytes:c') AS again;
SELECT cache_get_bytes('bytes:c');
SELECT value IS NULL AND bytes IS NULL AS tombstone FROM cache_entries WHERE key = 'bytes:c';
\set VERBOSITY terse
INSERT INTO cache_entries (key, expires_at, value, bytes) VALUES ('bytes:both', now() + '1 hour', '1', '\x01');

-- A fill with bytes.
SELECT found, value, stale, token AS token FROM cache_fetch_bytes('bytes:fill') \gset
SELECT :'found' AS found, cache_fill_bytes('bytes:fill', '\x0910', :'token', 600, '{bytes-tag}') AS filled;
SELECT found, value, stale, token FROM cache_fetch_bytes('bytes:fill');
SELECT cache_fill_bytes('bytes:fill', '\x11', NULL) AS filled, cache_fill_bytes('bytes:fill', '\x11', :'token') AS filled;
SELECT bytes, tags FROM cache_entry('bytes:fill');
-- Past its deadline, within the grace of its namespace.
SELECT cache_configure('bytes', stale_for => '1 hour');
SELECT cache_set_bytes('bytes:stale', '\x12') IS NOT NULL AS set;
UPDATE cache_entries SET expires_at = clock_timestamp() WHERE key = 'bytes:stale';
SELECT found, value, stale, token IS NOT NULL AS token FROM cache_fetch_bytes('bytes:stale');
SELECT found, value, stale, token IS NOT NULL AS token FROM cache_fetch_bytes('bytes:stale');
SELECT cache_get_bytes('bytes:stale');
SELECT cache_fetch('bytes:stale');
-- A value that is computed replaces stale bytes.
SELECT cache_delete('bytes:stale');
SELECT cache_set_bytes('bytes:stale', '\x13') IS NOT NULL AS set;
UPDATE cache_entries SET expires_at = clock_timestamp() WHERE key = 'bytes:stale';
SELECT cache_get_or_set('bytes:stale', 'SELECT 14');
SELECT value, bytes FROM cache_entry('bytes:stale');
SELECT cache_unconfigure('bytes');

-- Tags, ranges, plain SQL.
SELECT cache_set_bytes('bytes:tagged', '\x15', tags => '{bytes-tag}') IS NOT NULL AS set;
SELECT cache_get_bytes('bytes:tagged'), cache_invalidate_tags('bytes-tag');
SELECT cache_get_bytes('bytes:tagged'), cache_get_bytes('bytes:fill'), cache_exists('bytes:tagged');
SELECT cache_count('bytes'), cache_keys('bytes');
SELECT cache_delete_many('{bytes:a,bytes:tagged,bytes:none}'), cache_clear('bytes');
SELECT cache_count('bytes');
CREATE TABLE bytes_source (id integer);
SELECT cache_watch('bytes_source', ARRAY['bytes:{id}']);
SELECT cache_set_bytes('bytes:1', '\x01') IS NOT NULL AS set, cache_set_bytes('bytes:2', '\x02') IS NOT NULL AS set;
INSERT INTO bytes_source VALUES (1);
SELECT cache_get_bytes('bytes:1'), cache_get_bytes('bytes:2');
DROP TABLE bytes_source;
INSERT INTO cache_entries (key, expires_at, bytes) VALUES ('bytes:sql', now() + '1 hour', '\x16');
SELECT cache_get_bytes('bytes:sql');
UPDATE cache_entries SET expires_at = clock_timestamp() WHERE key = 'bytes:sql';
SELECT cache_get_bytes('bytes:sql'), cache_sweep() >= 0 AS swept;
SELECT count(*) FROM cache_entries WHERE key = 'bytes:sql';

-- Compressed and out of line.
CREATE VIEW bytes_large AS SELECT decode(string_agg(md5(i::text), ''), 'hex') AS value FROM generate_series(1, 3000) AS i;
SELECT reltoastrelid::regclass AS toast FROM pg_class WHERE oid = 'cache_entries'::regclass \gset
SELECT cache_set_bytes('bytes:large', value, '1 minute') IS NOT NULL AS set FROM bytes_large;
SELECT cache_set_bytes('bytes:same', convert_to(repeat('compressible', 10000), 'UTF8')) IS NOT NULL AS set;
SELECT pg_column_size(bytes) > 40000 AS out_of_line FROM cache_entries WHERE key = 'bytes:large';
SELECT pg_column_size(bytes) < 5000 AS compressed FROM cache_entries WHERE key = 'bytes:same';
SELECT cache_get_bytes('bytes:large') = value AS same FROM bytes_large;
SELECT length(cache_get_bytes('bytes:same')), length(cache_take_bytes('bytes:same'));
SELECT array_agg(DISTINCT chunk_id ORDER BY chunk_id) AS chunks FROM :toast \gset
SELECT cache_touch('bytes:large', '2 hours'), length(cache_get_and_touch_bytes('bytes:large', '2 hours'));
SELECT array_agg(DISTINCT chunk_id ORDER BY chunk_id) = :'chunks'::oid[] AS not_written_again FROM :toast;
-- The value of another entry, as it is stored there.
SELECT cache_set_bytes('bytes:copy', bytes) IS NOT NULL AS set, cache_set_many_bytes('{bytes:copy2}', ARRAY[bytes])
FROM cache_entry('bytes:large');
SELECT cache_delete('bytes:large');
SELECT cache_get_bytes('bytes:copy') = value AS same, cache_get_bytes('bytes:copy2') = value AS same,
       (cache_fetch_bytes('bytes:copy')).value = value AS same
FROM bytes_large;
SELECT every(many.value = large.value), count(*) FROM cache_get_many_bytes('{bytes:copy,bytes:copy2}') AS many, bytes_large AS large;
DROP VIEW bytes_large;

-- The limits are those of JSON: the size without compression.
SELECT cache_configure('bytes', max_value_size => 1000);
SELECT cache_set_bytes('bytes:most', convert_to(repeat('x', 1000), 'UTF8')) IS NOT NULL AS set;
SELECT cache_set_bytes('bytes:most', convert_to(repeat('x', 1001), 'UTF8'));
SELECT cache_add_bytes('bytes:more', convert_to(repeat('x', 1001), 'UTF8'));
SELECT cache_set_many_bytes('{bytes:more,bytes:most}', ARRAY['\x01'::bytea, convert_to(repeat('x', 1001), 'UTF8')]);
SELECT cache_try_set_bytes('bytes:more', convert_to(repeat('x', 1001), 'UTF8'));
SELECT cache_set_bytes('bytes:more', NULL);
SELECT length(cache_get_bytes('bytes:most')), cache_exists('bytes:more');
SELECT cache_unconfigure('bytes');
\set VERBOSITY default
SELECT cache_clear('bytes') > 0 AS cleared;
