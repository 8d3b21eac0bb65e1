-- The sweep as a function. The rows carry deadlines of long ago, so the worker may have been here before.
SELECT cache_sweep(1000000) >= 0 AS clean;
INSERT INTO cache_entries (key, value, expires_at)
SELECT 'sweep:' || i, '1', now() + interval '1 hour' FROM generate_series(1, 1000) AS i;

-- Due within this transaction only: the worker does not see it.
BEGIN;
UPDATE cache_entries SET expires_at = now() - interval '1 second' WHERE key ~ '^sweep:\d' AND substr(key, 7)::int <= 500;
SELECT cache_sweep(200), cache_sweep(200), cache_sweep(200), cache_sweep(200);
SELECT count(*) FROM cache_entries WHERE key ~ '^sweep:\d';
ROLLBACK;
BEGIN;
UPDATE cache_entries SET expires_at = now() - interval '1 second' WHERE key ~ '^sweep:\d';
SELECT cache_sweep() AS at_most_a_batch, cache_sweep();
ROLLBACK;
SELECT count(*) FROM cache_entries WHERE key ~ '^sweep:\d';

-- Not before stale_until.
BEGIN;
UPDATE cache_entries SET expires_at = now() - interval '1 hour', stale_until = now() + interval '1 hour' WHERE key = 'sweep:1';
UPDATE cache_entries SET expires_at = now() - interval '1 hour', stale_until = now() - interval '1 second' WHERE key = 'sweep:2';
SELECT cache_sweep();
SELECT key FROM cache_entries WHERE key IN ('sweep:1', 'sweep:2');
ROLLBACK;

-- An empty table is swept at once.
BEGIN;
TRUNCATE cache_entries;
SELECT cache_sweep();
ROLLBACK;

-- With a trigger on the table the executor does the work, so that it fires.
BEGIN;
CREATE TEMP TABLE removed (key text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO removed VALUES (old.key); RETURN old; END';
CREATE TRIGGER note BEFORE DELETE ON cache_entries FOR EACH ROW EXECUTE FUNCTION note();
UPDATE cache_entries SET expires_at = now() - interval '1 second' WHERE key IN ('sweep:3', 'sweep:4');
SELECT cache_sweep();
SELECT key FROM removed ORDER BY key;
ROLLBACK;
SELECT cache_clear('sweep');
