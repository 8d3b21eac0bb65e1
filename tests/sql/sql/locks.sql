-- Locks with an owner and a deadline, kept as ordinary entries.
SELECT cache_lock_owner('lock:a'), cache_unlock('lock:a', 'ann') AS not_locked;
SELECT cache_lock('lock:a', 'ann', '1 minute');
SELECT cache_lock_owner('lock:a'), cache_get('lock:a'), cache_ttl_seconds('lock:a') BETWEEN 50 AND 60 AS minute;
SELECT cache_lock('lock:a', 'bob', '1 hour') AS taken, cache_unlock('lock:a', 'bob') AS foreign_owner, cache_unlock('lock:a', 'ANN') AS foreign_owner;
SELECT cache_lock_owner('lock:a'), cache_ttl_seconds('lock:a') BETWEEN 50 AND 60 AS minute;
-- The owner renews it.
SELECT created_at AS since FROM cache_entry('lock:a') \gset
SELECT cache_lock('lock:a', 'ann', 3600);
SELECT created_at = :'since' AS same, cache_ttl_seconds(key) BETWEEN 3500 AND 3600 AS hour FROM cache_entry('lock:a');
SELECT cache_lock('lock:a', 'ann', 'keep');
SELECT cache_ttl_seconds('lock:a') BETWEEN 3500 AND 3600 AS kept;
SELECT cache_lock('lock:a', 'ann');
SELECT cache_ttl_seconds('lock:a') BETWEEN 200 AND 300 AS by_default;
SELECT cache_unlock('lock:a', 'ann');
SELECT cache_lock_owner('lock:a'), cache_exists('lock:a'), cache_unlock('lock:a', 'ann') AS again;
SELECT cache_lock('lock:a', 'bob', '1 minute');
-- It ends at its deadline, and with a delete by anybody.
UPDATE cache_entries SET expires_at = clock_timestamp() WHERE key = 'lock:a';
SELECT cache_lock_owner('lock:a'), cache_unlock('lock:a', 'bob') AS ended;
SELECT cache_lock('lock:a', 'ann', '1 minute');
SELECT cache_lock('lock:a', 'bob', '1 minute'), cache_lock_owner('lock:a'), cache_delete('lock:a');
SELECT cache_lock('lock:a', 'bob', '1 minute'), cache_lock_owner('lock:a');
-- Any text is an owner, and each is another.
SELECT owner, cache_lock('lock:' || n, owner, 60), cache_lock('lock:' || n, 'other', 60) AS other
FROM unnest(ARRAY['', ' ', 'o''brien "quoted"', E'back\\slash', E'line\nbreak\ttab', 'naïve 🍔', '1', 'null', '{"a": 1}', repeat('x', 5)]) WITH ORDINALITY AS o (owner, n);
SELECT n, cache_lock_owner('lock:' || n) = owner AS same, cache_unlock('lock:' || n, owner || ' ') AS other, cache_unlock('lock:' || n, owner)
FROM unnest(ARRAY['', ' ', 'o''brien "quoted"', E'back\\slash', E'line\nbreak\ttab', 'naïve 🍔', '1', 'null', '{"a": 1}', repeat('x', 5)]) WITH ORDINALITY AS o (owner, n);
-- An owner that is stored out of line.
SELECT string_agg(md5(i::text), '') AS long FROM generate_series(1, 300) AS i \gset
SELECT cache_lock('lock:long', :'long', 60), cache_lock('lock:long', :'long', 60) AS renewed, cache_lock('lock:long', reverse(:'long'), 60) AS other;
SELECT cache_lock_owner('lock:long') = :'long' AS same, cache_unlock('lock:long', reverse(:'long')) AS other, cache_unlock('lock:long', :'long');
-- In a transaction that is rolled back, it was never taken nor given back.
BEGIN;
SELECT cache_lock('lock:b', 'ann', 60);
ROLLBACK;
SELECT cache_lock('lock:b', 'bob', 60);
BEGIN;
SELECT cache_unlock('lock:b', 'bob');
ROLLBACK;
SELECT cache_lock_owner('lock:b'), cache_unlock('lock:b', 'bob');
-- An entry that is no lock, and wrong arguments.
SELECT cache_set('lock:number', '1') IS NOT NULL AS set, cache_set('lock:string', '"ann"') IS NOT NULL AS set;
SELECT cache_lock('lock:number', 'ann', 60);
SELECT cache_unlock('lock:number', 'ann');
SELECT cache_lock_owner('lock:number');
SELECT cache_lock('lock:string', 'ann', 60) AS as_any_entry, cache_unlock('lock:string', 'ann') AS as_any_entry;
SELECT cache_lock('lock:b', NULL, 60);
SELECT cache_unlock('lock:b', NULL);
SELECT cache_lock(NULL, 'ann', 60);
SELECT cache_lock('lock:b', 'ann', 0);
SELECT cache_lock('lock:b', repeat('x', 2000000), 60);
SELECT cache_lock_owner('lock:b'), cache_lock_owner('');
SELECT cache_clear('lock') > 0 AS cleared;
