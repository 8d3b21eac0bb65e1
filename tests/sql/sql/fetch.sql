-- Looking up with the right to compute, and storing what cannot be stale.
-- A miss hands out one token; nobody else gets one while the lease runs.
SELECT found, value, stale, token IS NOT NULL AS token FROM cache_fetch('fetch:a');
SELECT token FROM cache_fetch('fetch:b') \gset
SELECT found, token IS NOT NULL AS token FROM cache_fetch('fetch:b');
SELECT cache_get('fetch:b') IS NULL AS missed, cache_exists('fetch:b'), cache_add('fetch:c', '1'), cache_replace('fetch:b', '1');
SELECT cache_fill('fetch:b', '{"n": 1}', :'token', '1 minute', ARRAY['y', 'x']) AS stored;
SELECT found, value, stale, token FROM cache_fetch('fetch:b');
SELECT key, value, tags, version = pg_current_xact_id_if_assigned() AS own, created_at = updated_at AS new, expires_at - updated_at AS ttl
FROM cache_entry('fetch:b');
SELECT load_us > 0 AS measured, lease_until, lease_id FROM cache_entries WHERE key = 'fetch:b';

-- A token stores once.
SELECT cache_fill('fetch:b', '{"n": 2}', :'token') AS stored;
SELECT cache_get('fetch:b');

-- What was written or deleted since refuses the fill.
SELECT token FROM cache_fetch('fetch:d') \gset
SELECT cache_delete('fetch:d');
SELECT cache_fill('fetch:d', '"late"', :'token') AS stored;
SELECT token FROM cache_fetch('fetch:d') \gset
SELECT cache_set('fetch:d', '"set"') IS NOT NULL AS set;
SELECT cache_fill('fetch:d', '"late"', :'token') AS stored, cache_get('fetch:d');
SELECT token FROM cache_fetch('fetch:e') \gset
SELECT cache_clear('fetch');
SELECT cache_fill('fetch:e', '"late"', :'token') AS stored, cache_get('fetch:e');
SELECT token FROM cache_fetch('fetch:e') \gset
SELECT cache_clear('other');
SELECT cache_fill('fetch:e', '"late"', :'token') AS stored_beside_another_clear;

-- Where the loader fails, the lease goes back and the next one gets it.
SELECT token FROM cache_fetch('fetch:f') \gset
SELECT token IS NOT NULL AS token FROM cache_fetch('fetch:f');
SELECT cache_release('fetch:f', :'token'), cache_release('fetch:f', :'token') AS again;
SELECT token IS NOT NULL AS token FROM cache_fetch('fetch:f');
SELECT cache_fill('fetch:f', '1', :'token') AS stored_after_release;

-- A lease that has run out goes to the next one, and its holder is refused.
SELECT token FROM cache_fetch('fetch:g') \gset
UPDATE cache_entries SET lease_until = clock_timestamp() - interval '1 s' WHERE key = 'fetch:g';
SELECT token AS second FROM cache_fetch('fetch:g') \gset
SELECT cache_fill('fetch:g', '"first"', :'token') AS first, cache_fill('fetch:g', '"second"', :'second') AS second;
SELECT cache_get('fetch:g');
-- Nobody else has taken it: being late is harmless.
SELECT token FROM cache_fetch('fetch:h') \gset
UPDATE cache_entries SET lease_until = clock_timestamp() - interval '1 s' WHERE key = 'fetch:h';
SELECT cache_fill('fetch:h', '"late"', :'token') AS stored;
-- Until two leases have passed: then nobody remembers what was written meanwhile.
SET cache_pg.lease = '100ms';
SELECT token FROM cache_fetch('fetch:j') \gset
SELECT pg_sleep(0.21) IS NOT NULL AS slept;
SELECT cache_fill('fetch:j', '"too late"', :'token') AS stored;
RESET cache_pg.lease;
-- But the lease is.
SELECT token FROM cache_fetch('fetch:i') \gset
DELETE FROM cache_entries WHERE key = 'fetch:i';
SELECT cache_fill('fetch:i', '"late"', :'token') AS stored;

-- Stale values are served for as long as the namespace says, and one caller computes a new one.
SELECT cache_configure('stale', stale_for => '1 hour');
SELECT cache_set('stale:a', '"old"', '1 minute', ARRAY['t']) IS NOT NULL AS set;
UPDATE cache_entries SET expires_at = clock_timestamp() WHERE key = 'stale:a';
SELECT cache_get('stale:a') IS NULL AS missed;
SELECT found, value, stale, token FROM cache_fetch('stale:a') \gset
SELECT :'found' AS found, :'value' AS value, :'stale' AS stale, :'token' <> '' AS token;
SELECT found, value, stale, token IS NOT NULL AS token FROM cache_fetch('stale:a', '1 minute');
SELECT cache_release('stale:a', :'token');
SELECT found, value, stale, token FROM cache_fetch('stale:a') \gset
SELECT cache_fill('stale:a', '"new"', :'token') AS stored;
SELECT found, value, stale, token IS NOT NULL AS token FROM cache_fetch('stale:a');
-- What was deleted or invalidated is not stale but gone.
UPDATE cache_entries SET expires_at = clock_timestamp() WHERE key = 'stale:a';
SELECT cache_delete('stale:a');
SELECT found, value, stale, token IS NOT NULL AS token FROM cache_fetch('stale:a');
SELECT cache_set('stale:b', '"old"', '1 minute', ARRAY['t']) IS NOT NULL AS set;
UPDATE cache_entries SET expires_at = clock_timestamp() WHERE key = 'stale:b';
SELECT cache_invalidate_tags('t');
SELECT found, value, stale, token IS NOT NULL AS token FROM cache_fetch('stale:b');

-- A popular entry may be computed anew before its deadline: always at this beta, by one caller.
SELECT cache_configure('early', early_refresh => 100);
SELECT token FROM cache_fetch('early:a') \gset
SELECT cache_fill('early:a', '1', :'token') AS stored;
UPDATE cache_entries SET load_us = 86400000000 WHERE key = 'early:a';
SELECT found, value, stale, token IS NOT NULL AS token FROM cache_fetch('early:a');
SELECT found, value, stale, token IS NOT NULL AS token FROM cache_fetch('early:a');

-- Nothing may be stored here, so there is no token, and no error.
BEGIN READ ONLY;
SELECT found, token FROM cache_fetch('fetch:z');
COMMIT;
-- A transaction that has deleted the key itself may not hand out a token for it: others do not see that yet.
BEGIN;
SELECT cache_delete('fetch:y');
SELECT found, token FROM cache_fetch('fetch:y');
COMMIT;
-- In one transaction, all of it.
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT token FROM cache_fetch('fetch:x') \gset
SELECT cache_fill('fetch:x', '1', :'token') AS stored;
COMMIT;
SELECT cache_get('fetch:x');

-- No token: the value is used, and not stored.
SELECT cache_fill('fetch:w', '1', NULL) AS stored, cache_release('fetch:w', NULL) AS released;
