-- Many entries from arrays: a key, a value and a ttl each, or one ttl for all.
CREATE VIEW many AS SELECT key, value, bytes, round(extract(epoch FROM expires_at - clock_timestamp()), -1) AS seconds, tags
FROM cache_keys('many') AS k, cache_entry(k);
SELECT cache_set_many('{many:b,many:a}'::text[], '{1,"2"}'::jsonb[]);
SELECT * FROM many;
SELECT cache_set_many('{many:a,many:b,many:c}'::text[], ARRAY['"a"', 'null', '{"c": [1]}']::jsonb[], ARRAY['1 minute', NULL, '1 hour']::interval[], '{many-tag}');
SELECT * FROM many;
SELECT cache_set_many(ARRAY['many:a', 'many:b'], '{3,4}'::jsonb[], ARRAY[600]), cache_set_many(ARRAY['many:c'], '{5}'::jsonb[], ARRAY['20 minutes']);
SELECT * FROM many;
SELECT cache_set_many('{many:a,many:b,many:c}'::text[], '{6,7,8}'::jsonb[], '{infinity,keep,NULL}'::text[]);
SELECT * FROM many;
SELECT cache_set_many('{many:a,many:b,many:c}'::text[], '{6,7,8}'::jsonb[], ARRAY['infinity', 60.4, NULL]::float8[]), cache_set_many('{many:a}'::text[], '{9}'::jsonb[], '{}'::text[]);
SELECT * FROM many;
SELECT cache_set_many_bytes('{many:a,many:b}', '{"\\x01",""}'), cache_set_many_bytes('{many:c,many:d}', ARRAY['\x02', '\x03']::bytea[], ARRAY[60, 120]),
       cache_set_many_bytes(ARRAY['many:e'], ARRAY['\x04'::bytea], ARRAY['1 hour'], '{many-tag}');
SELECT * FROM many;
-- The last value of a key counts.
SELECT cache_set_many('{many:a,many:b,many:a,many:a}'::text[], '{1,2,3,4}'::jsonb[], ARRAY[60, 120, 180, 240]);
SELECT * FROM many WHERE key < 'many:c';
-- Arrays of any shape, and none.
SELECT cache_set_many('{{many:a,many:b},{many:c,many:d}}'::text[], '{{1,2},{3,4}}'::jsonb[], '[5:8]={60,120,180,240}'::float8[]), cache_set_many('[7:8]={many:e,many:f}'::text[], '{5,6}'::jsonb[]);
SELECT * FROM many;
SELECT cache_set_many('{}'::text[], '{}'::jsonb[]), cache_set_many_bytes('{}', '{}'), cache_set_many('{}'::text[], '{}'::jsonb[], ARRAY[60]), cache_set_many('{}');
-- A call that does not fit writes nothing.
SELECT cache_set_many('{many:a,many:b}'::text[], '{7}'::jsonb[]);
SELECT cache_set_many('{many:a}'::text[], '{7,8}'::jsonb[]);
SELECT cache_set_many('{many:a,many:b,many:c}'::text[], '{7,8,9}'::jsonb[], ARRAY[60, 60]);
SELECT cache_set_many('{}'::text[], '{}'::jsonb[], ARRAY[60, 60]);
SELECT cache_set_many(NULL::text[], '{7}'::jsonb[]);
SELECT cache_set_many('{many:a}'::text[], NULL::jsonb[]);
SELECT cache_set_many('{many:a,NULL}'::text[], '{7,8}'::jsonb[]);
SELECT cache_set_many('{many:a,many:b}'::text[], '{7,NULL}'::jsonb[]);
SELECT cache_set_many_bytes('{many:a,many:b}'::text[], '{"\\x07",NULL}');
SELECT cache_set_many('{many:a,""}'::text[], '{7,8}'::jsonb[]);
SELECT cache_set_many('{many:a,many:b}'::text[], '{7,8}'::jsonb[], '{60,0}'::float8[]);
SELECT cache_set_many('{many:a,many:b}'::text[], '{7,8}'::jsonb[], '{60,soon}'::text[]);
SELECT cache_set_many('{many:a,many:b}'::text[], '{7,8}'::jsonb[], ARRAY[60], ARRAY['']);
SELECT cache_set_many('{many:a,many:b}'::text[], ARRAY['7', to_jsonb(repeat('x', 2000000))]);
-- The type of the ttls must be known. PostgreSQL says so in other words since 19.
\set VERBOSITY terse
SELECT cache_set_many('{many:a}'::text[], '{7}'::jsonb[], NULL);
\set VERBOSITY default
SELECT DISTINCT value = '7' AS written, bytes IS NOT NULL AS bytes FROM many;
SELECT cache_clear('many');
DROP VIEW many;
