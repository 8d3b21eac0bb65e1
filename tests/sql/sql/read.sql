-- What readers see of live, expired, deleted and absent entries.
SELECT cache_set('read:live', '{"name": "Burger Palace"}', '5 minutes') > now() AS deadline_ahead;
SELECT cache_set('read:expired', '1') IS NOT NULL;
UPDATE cache_entries SET expires_at = clock_timestamp() WHERE key = 'read:expired';
SELECT cache_set('read:deleted', '1') IS NOT NULL, cache_delete('read:deleted');

SELECT key,
       cache_get(key), cache_get_or_null(key), cache_exists(key),
       cache_ttl(key) BETWEEN interval '4 minutes' AND interval '5 minutes' AS ttl,
       cache_expires_at(key) > now() AS expires_at,
       (SELECT count(*) FROM cache_entry(key)) AS entry
FROM unnest(ARRAY['read:live', 'read:expired', 'read:deleted', 'read:absent']) AS key;

-- P1: not even at the deadline itself, worker or no worker.
BEGIN;
UPDATE cache_entries SET expires_at = now() WHERE key = 'read:live';
SELECT cache_get('read:live'), cache_exists('read:live');
ROLLBACK;

-- P3: a JSON null is a hit.
SELECT cache_set('read:null', 'null') IS NOT NULL;
SELECT cache_get('read:null'), cache_get('read:null') IS NULL AS miss, cache_exists('read:null');

-- The entry with all that is known about it.
SELECT cache_set('read:entry', '[1, 2]', '5 minutes', ARRAY['menu', 'burger', 'menu']) IS NOT NULL;
SELECT key, value, tags, version = pg_snapshot_xmax(pg_current_snapshot()) AS future,
       created_at = updated_at AS fresh, expires_at - updated_at AS ttl, stale_until = expires_at AS not_stale
FROM cache_entry('read:entry');
SELECT count(*) FROM cache_entry('read:absent');

-- Values come back byte for byte as jsonb, also large ones out of line.
SELECT cache_set('read:large', jsonb_build_object('text', string_agg(md5(i::text), ''))) IS NOT NULL
FROM generate_series(1, 5000) AS i;
SELECT cache_get('read:large') = jsonb_build_object('text', string_agg(md5(i::text), '')) AS same
FROM generate_series(1, 5000) AS i;

-- Many at once: in the order asked, each once, live ones only.
SELECT * FROM cache_get_many(ARRAY['read:null', 'read:absent', 'read:live', 'read:expired', 'read:live']);
SELECT * FROM cache_get_many(ARRAY[]::text[]);
SELECT * FROM cache_get_many(NULL);

-- P4: reads take no transaction id and work where nothing may be written.
BEGIN READ ONLY;
SELECT cache_get('read:live') IS NOT NULL, cache_get_or_null('read:live') IS NOT NULL, cache_exists('read:live'),
       cache_ttl('read:live') IS NOT NULL, cache_expires_at('read:live') IS NOT NULL,
       (SELECT count(*) FROM cache_entry('read:live')), (SELECT count(*) FROM cache_get_many('{read:live}')),
       (SELECT count(*) FROM cache_keys('read'));
SELECT pg_current_xact_id_if_assigned();
COMMIT;
