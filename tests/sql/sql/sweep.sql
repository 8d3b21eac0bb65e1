-- The sweep as a function. The rows carry deadlines of long ago, so the worker may have been here before.
-- What earlier tests have left becomes due while this one runs, on a slow machine.
DELETE FROM cache_entries;
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

-- It is maintenance, like VACUUM: no trigger, no rule and no other constraint has a say, whoever made it.
CREATE ROLE regress_sweep_app;
GRANT TRIGGER ON cache_entries, cache_tags TO regress_sweep_app;
GRANT CREATE ON SCHEMA public TO regress_sweep_app;
BEGIN;
SET ROLE regress_sweep_app;
CREATE FUNCTION steal() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'it runs as %', current_user; END$$;
CREATE TRIGGER steal BEFORE DELETE ON cache_entries FOR EACH ROW EXECUTE FUNCTION steal();
CREATE TRIGGER steal_too AFTER DELETE ON cache_entries FOR EACH STATEMENT EXECUTE FUNCTION steal();
RESET ROLE;
CREATE RULE steal AS ON DELETE TO cache_entries DO INSTEAD NOTHING;
UPDATE cache_entries SET expires_at = now() - interval '1 second' WHERE key IN ('sweep:3', 'sweep:4');
SELECT cache_sweep();
SELECT count(*) FROM cache_entries WHERE key IN ('sweep:3', 'sweep:4');
DROP RULE steal ON cache_entries;
-- What a caller does fires them, as that caller.
DELETE FROM cache_entries WHERE key = 'sweep:5';
ROLLBACK;
SET ROLE regress_sweep_app;
CREATE FUNCTION steal() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'it runs as %', current_user; END$$;
CREATE TRIGGER steal BEFORE INSERT OR UPDATE OR DELETE ON cache_tags FOR EACH ROW EXECUTE FUNCTION steal();
RESET ROLE;
SELECT cache_clear('sweep');

-- Tags that nothing carries go, in two rounds, once there are many; those that an entry carries stay, and so does it.
SELECT cache_set('tag:kept', '1', '1 hour', ARRAY['kept']) IS NOT NULL AS set;
SELECT cache_invalidate_tags('kept');
SELECT cache_set('tag:kept', '2', '1 hour', ARRAY['kept']) IS NOT NULL AS set;
SELECT sum(cache_invalidate_tags('many:' || n)) FROM generate_series(1, 2000) AS n;
SELECT token FROM cache_fetch('tag:late') \gset
\c -
SELECT cache_sweep() >= 0 AS swept;
SELECT count(*) AS tags, count(unused_since) AS marked FROM cache_tags WHERE tag LIKE 'many:%' OR tag = 'kept';
\c -
SELECT cache_sweep() >= 0 AS swept;
SELECT tag, unused_since FROM cache_tags WHERE tag LIKE 'many:%' OR tag = 'kept';
SELECT cache_get('tag:kept');
-- A value that was computed before could have been invalidated by one of them.
SELECT cache_fill('tag:late', '1', :'token') AS stored;
-- A tag that comes back is a tag like any other.
SELECT cache_set('tag:back', '1', '1 hour', ARRAY['many:1']) IS NOT NULL AS set;
SELECT cache_get('tag:back');
SELECT cache_invalidate_tags('many:1');
SELECT cache_get('tag:back') IS NULL AS missed;

-- Merging the rows of a tag is no invalidation of it: one in the same transaction counts.
ALTER TABLE cache_tags DISABLE TRIGGER steal;
INSERT INTO cache_tags SELECT 'merged', n, '3' FROM generate_series(1, 2) AS n;
ALTER TABLE cache_tags ENABLE TRIGGER steal;
SELECT cache_set('tag:merged', '1', '1 hour', ARRAY['merged']) IS NOT NULL AS set;
\c -
BEGIN;
SELECT cache_invalidate_tags('another');
SELECT cache_sweep() >= 0 AS swept;
SELECT count(*) FROM cache_tags WHERE tag = 'merged';
SELECT cache_get('tag:merged');
SELECT cache_invalidate_tags('merged');
COMMIT;
SELECT cache_get('tag:merged') IS NULL AS missed;

-- A further index on the tags, as REINDEX CONCURRENTLY makes one for a while, is kept up.
CREATE INDEX more ON cache_tags (tag, generation);
SELECT cache_set('tag:more', '1', '1 hour', ARRAY['more']) IS NOT NULL AS set;
SELECT cache_invalidate_tags('more');
SELECT cache_get('tag:more') IS NULL AS missed;
SET enable_seqscan = off;
SELECT count(*) FROM cache_tags WHERE tag = 'more' AND generation <> 0;
RESET enable_seqscan;
DROP INDEX more;

-- What the same statement has just replaced is no concern of the hand.
SELECT cache_set_many('{"sweep:a": 1, "sweep:b": 2}') AS set;
UPDATE cache_entries SET expires_at = now() - interval '1 second', stale_until = NULL WHERE key IN ('sweep:a', 'sweep:b');
BEGIN;
SELECT cache_set_many('{"sweep:a": 1, "sweep:b": 2}') AS set, cache_sweep() >= 0 AS swept;
SELECT cache_delete_many(ARRAY['sweep:a', 'sweep:b']) AS deleted, cache_sweep() >= 0 AS swept;
ROLLBACK;
SELECT cache_clear('sweep') >= 0 AS cleared, cache_sweep() >= 0 AS swept;
DROP TRIGGER steal ON cache_tags;
DROP FUNCTION steal;
REVOKE ALL ON SCHEMA public FROM regress_sweep_app;
REVOKE ALL ON cache_entries, cache_tags FROM regress_sweep_app;
DROP ROLE regress_sweep_app;
