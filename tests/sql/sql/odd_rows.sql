-- Whatever plain SQL can write into the table harms that row alone. Most of it is refused.
\set VERBOSITY sqlstate
INSERT INTO cache_entries (key, expires_at, value, tags, tag_generations) VALUES ('odd:a', now() + '1 h', '1', '{x}', '{NULL}');
INSERT INTO cache_entries (key, expires_at, value, tags, tag_generations) VALUES ('odd:a', now() + '1 h', '1', '{NULL}', '{1}');
INSERT INTO cache_entries (key, expires_at, value, tags, tag_generations) VALUES ('odd:a', now() + '1 h', '1', '{x,y}', '{1}');
INSERT INTO cache_entries (key, expires_at, value, tags, tag_generations) VALUES ('odd:a', now() + '1 h', '1', '{{x},{y}}', '{1,2}');
INSERT INTO cache_entries (key, expires_at, value, tags) VALUES ('odd:a', now() + '1 h', '1', '{x}');
INSERT INTO cache_entries (key, expires_at, value, tags, tag_generations)
SELECT 'odd:a', now() + '1 h', '1', array_agg('t' || n), array_agg(n) FROM generate_series(1, 1025) AS n;
INSERT INTO cache_entries (key, expires_at, lease_until, lease_id) VALUES ('odd:a', now() + '1 h', 'infinity', 1);
INSERT INTO cache_entries (key, expires_at, lease_until) VALUES ('odd:a', now() + '1 h', now());
INSERT INTO cache_entries (key, expires_at, load_us) VALUES ('odd:a', now() + '1 h', -1);
INSERT INTO cache_entries (key, expires_at) VALUES (E'odd:\t', now() + '1 h');
INSERT INTO cache_entries (key, expires_at) VALUES (' odd', now() + '1 h');
SELECT cache_set('odd:a', '1', '1 hour', (SELECT array_agg('t' || n) FROM generate_series(1, 1025) AS n));
SELECT cache_set_many('{"odd:a": 1}', '1 hour', (SELECT array_agg('t' || n) FROM generate_series(1, 1025) AS n));
\set VERBOSITY default

-- What gets in all the same, where the checks are gone or cannot tell.
BEGIN;
ALTER TABLE cache_entries
    DROP CONSTRAINT cache_entries_key_check,
    DROP CONSTRAINT cache_entries_load_us_check,
    DROP CONSTRAINT cache_entries_lease_check,
    DROP CONSTRAINT cache_entries_tags_check;
SELECT cache_set('odd:good', '1', '1 hour', '{x}') IS NOT NULL AS set;
INSERT INTO cache_entries (key, expires_at, value, tags, tag_generations) VALUES
    ('odd:null-generation', now() + '1 h', '1', '{x}', '{NULL}'),
    ('odd:null-tag', now() + '1 h', '1', '{NULL}', '{1}'),
    ('odd:fewer', now() + '1 h', '1', '{x,y}', '{1}'),
    ('odd:more', now() + '1 h', '1', '{x}', '{1,2}'),
    ('odd:square', now() + '1 h', '1', '{{x},{y}}', '{{1},{2}}'),
    ('odd:no-generations', now() + '1 h', '1', '{x}', NULL),
    ('odd:no-tag', now() + '1 h', '1', ARRAY[''], '{0}'),
    ('odd:huge', now() + '1 h', '1', (SELECT array_agg('t' || n) FROM generate_series(1, 100000) AS n),
                                     (SELECT array_agg(0::bigint) FROM generate_series(1, 100000) AS n)),
    ('odd:long', now() + '1 h', '1', ARRAY[repeat('x', 1000000)], '{0}');
INSERT INTO cache_entries (key, created_at, updated_at, version, expires_at, stale_until, lease_until, lease_id, load_us, value) VALUES
    ('odd:live', '-infinity', 'infinity', '0', 'infinity', NULL, 'infinity', 1, -1, '1'),
    ('odd:moments', 'infinity', '-infinity', '3', 'infinity', 'infinity', '-infinity', 1, 9223372036854775807, '1'),
    ('odd:past', '-infinity', '-infinity', '3', '-infinity', 'infinity', 'infinity', NULL, NULL, '1'),
    ('odd:version', now(), now(), '18446744073709551615', 'infinity', NULL, NULL, NULL, NULL, '1'),
    ('odd:tombstone', now(), now(), '3', 'infinity', 'infinity', NULL, NULL, NULL, NULL),
    ('odd:lease', now(), now(), '3', now(), NULL, 'infinity', 1, NULL, NULL),
    (E'odd:\x01', now(), now(), '3', now() + '1 h', NULL, NULL, NULL, NULL, '1'),
    ('', now(), now(), '3', now() + '1 h', NULL, NULL, NULL, NULL, '1');
SELECT key, cache_get(key), cache_exists(key), cache_ttl(key) > '0' AS ttl, cache_expires_at(key) > now() AS until
FROM cache_entries WHERE key LIKE 'odd:%' AND key NOT LIKE E'%\x01' ORDER BY key;
SELECT e.key, e.created_at, e.updated_at, e.expires_at, e.stale_until
FROM (VALUES ('odd:live'), ('odd:moments'), ('odd:past'), ('odd:version')) AS odd (key), LATERAL cache_entry(odd.key) AS e;
SELECT * FROM cache_get_many('{odd:good,odd:square,odd:null-tag,odd:live}');
SELECT cache_invalidate_tags('y', 'z'), cache_get('odd:good');
SAVEPOINT before;
SELECT key, (SELECT (found, value, stale)::text FROM cache_fetch(key)) AS fetched
FROM cache_entries WHERE key LIKE 'odd:%' AND key NOT LIKE E'%\x01' ORDER BY key;
ROLLBACK TO before;
SELECT cache_delete('odd:null-generation'), cache_take('odd:more'), cache_add('odd:fewer', '2'), cache_incr('odd:square'),
       cache_set('odd:lease', '2') IS NOT NULL AS set, cache_touch('odd:long');
-- One sweep takes what is none of ours, and nothing else.
SELECT cache_sweep() > 0 AS swept;
SELECT key FROM cache_entries WHERE key LIKE 'odd:%' OR key = '' ORDER BY key;
SELECT cache_clear('odd') > 0 AS cleared;
ROLLBACK;
