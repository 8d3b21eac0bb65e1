-- The safe delete: what goes, what is said, what stays.
SELECT cache_set_many('{"del:a": 1, "del:b": 2, "del:c": 3, "del:d": 4}');
SELECT cache_delete('del:a'), cache_delete('del:absent');
SELECT cache_get('del:a'), cache_exists('del:a');

-- A tombstone stays for two leases, also where there was nothing, and carries the deleting transaction.
SELECT key, value, stale_until - updated_at AS stays, created_at > '-infinity' AS buried,
       pg_visible_in_snapshot(version, pg_current_snapshot()) AS committed
FROM cache_entries WHERE key IN ('del:a', 'del:absent') ORDER BY key;
SELECT cache_delete('del:a') AS twice;
BEGIN;
SELECT cache_delete('del:b');
SELECT version = pg_current_xact_id() AS mine FROM cache_entries WHERE key = 'del:b';
SELECT cache_get('del:b');
ROLLBACK;
SELECT cache_get('del:b');
BEGIN;
SAVEPOINT s;
SELECT cache_delete('del:b');
ROLLBACK TO s;
SELECT cache_get('del:b');
COMMIT;

-- Many at once.
SELECT cache_delete_many(ARRAY['del:c', 'del:b', 'del:c', 'del:absent']), cache_delete_many('{}'), cache_delete_many(NULL);

-- Take: the value, once.
SELECT cache_take('del:d'), cache_take('del:d'), cache_take('del:absent');
SELECT cache_set('del:null', 'null') IS NOT NULL;
SELECT cache_take('del:null'), cache_take('del:null');

-- An expired entry is not there to be deleted or taken.
SELECT cache_set_many('{"del:x": 1, "del:y": 2}');
UPDATE cache_entries SET expires_at = clock_timestamp() WHERE key IN ('del:x', 'del:y');
SELECT cache_delete('del:x'), cache_take('del:y');

-- Clear counts live entries, and buries expired ones that could still be served stale.
SELECT cache_set_many('{"clear:a": 1, "clear:b": 2, "clear:c": 3}');
UPDATE cache_entries SET expires_at = clock_timestamp(), stale_until = clock_timestamp() + interval '1 hour' WHERE key = 'clear:c';
SELECT cache_clear('clear');
SELECT count(*) FILTER (WHERE value IS NOT NULL) AS with_value FROM cache_entries WHERE key LIKE 'clear:%';

-- A key that was deleted can be set again at once.
SELECT cache_set('del:a', '"again"') IS NOT NULL;
SELECT cache_get('del:a');

-- What a transaction has cleared or deleted without looking is no conflict for the next one.
BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT cache_clear('del') IS NOT NULL, cache_delete('del:blind'); COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT cache_set('del:blind', '1') IS NOT NULL; COMMIT;
