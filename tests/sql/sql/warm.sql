-- Warming: keys in line. No worker runs here: tests/server/tests/warming.rs has them.
CREATE TABLE tenants (slug text, id int);
INSERT INTO tenants VALUES ('burger-palace', 1), ('taco-town', 2);
CREATE FUNCTION load_tenant(key text) RETURNS jsonb LANGUAGE sql STABLE
    RETURN (SELECT jsonb_build_object('id', t.id) FROM tenants AS t WHERE t.slug = split_part(key, ':', 2));
SELECT cache_configure('warm', loader => 'load_tenant(text)', warm => 'SELECT slug, ARRAY[''t'' || id] FROM tenants');
SELECT namespace, warm FROM cache_namespaces WHERE namespace = 'warm';

-- Each key once, with or without its namespace. What is there is left out.
SELECT cache_set('warm:set', '1') IS NOT NULL AS set;
SELECT cache_warm('warm', ARRAY['set', 'a', 'warm:a', 'warm:b']);
SELECT cache_warm('warm', ARRAY['a', 'b', 'c']);
SELECT cache_warm('warm', '{}');
SELECT cache_warm('warm');
SELECT cache_warm('warm', query => 'SELECT slug FROM tenants WHERE id = 1');
SELECT key, value, expires_at > now() + interval '23 hours' AS in_line, tags FROM cache_entries WHERE key LIKE 'warm:%' ORDER BY key;

-- A key in line is a miss.
SELECT cache_get('warm:a'), cache_exists('warm:a'), cache_count('warm'), cache_ttl('warm:a');
SELECT * FROM cache_keys('warm');
SELECT key, value FROM cache_get_many(ARRAY['warm:a', 'warm:set']);

-- Without workers the procedure loads what is in line. A key without a value leaves the line.
CALL cache_warm_wait('warm');
SELECT key, value, tags FROM cache_entries WHERE key LIKE 'warm:%' AND value IS NOT NULL ORDER BY key;
SELECT count(*) FROM cache_entries WHERE key LIKE 'warm:%' AND value IS NULL AND expires_at > now();
CALL cache_warm_wait();

-- An invalidated tag.
SELECT cache_invalidate_tags('t1');
SELECT cache_get('warm:burger-palace'), cache_get('warm:taco-town');

-- Errors.
SELECT cache_warm(NULL);
SELECT cache_warm('a:b');
SELECT cache_warm('nothing', '{a}');
SELECT cache_warm('warm', '{a,NULL}');
SELECT cache_warm('warm', ARRAY[' ']);
SELECT cache_warm('warm', '{a}', 'SELECT 1');
SELECT cache_warm('warm', query => 'SELECT');
SELECT cache_warm('warm', query => 'SELECT 1, 2');
SELECT cache_warm('warm', query => 'SELECT NULL');
SELECT cache_warm('warm', query => 'SELECT 1; SELECT 2');
SELECT cache_warm('warm', query => 'DROP TABLE tenants');
SELECT cache_configure('warm', warm => 'DROP TABLE tenants');
SELECT cache_configure('warm', warm => 'SELECT FROM FROM');
BEGIN;
CALL cache_warm_wait();
ROLLBACK;
SELECT cache_configure('warm', warm => '');
SELECT cache_warm('warm');
BEGIN READ ONLY;
SELECT cache_warm('warm', '{x}');
ROLLBACK;

SELECT cache_clear('warm') > 0 AS cleared, cache_unconfigure('warm');
DROP FUNCTION load_tenant;
DROP TABLE tenants;
