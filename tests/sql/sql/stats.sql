-- What the cache does is counted, for each namespace. Those of this test are its own.
CREATE VIEW counted AS
SELECT namespace, hits, misses, stale_hits, sets, deletes, invalidations, touches, fills, fills_refused, loads, waits, errors, bytes_in, bytes_out
FROM cache_stats WHERE namespace LIKE 'st-%' ORDER BY namespace;

SELECT cache_set('st-a:1', '"ten bytes "', '1 hour') IS NOT NULL, cache_add('st-a:1', '2'), cache_add('st-a:2', '2'),
       cache_replace('st-a:3', '3'), cache_set_many('{"st-a:4": 4, "st-b:1": 1}'), cache_incr('st-a:5'), cache_touch('st-a:1', '1 hour'),
       cache_touch('st-a:9', '1 hour');
SELECT cache_get('st-a:1'), cache_get('st-a:9'), cache_get_or_null('st-b:1'), cache_get_or_null('st-b:9');
SELECT * FROM cache_get_many('{st-a:1,st-b:9,st-a:1,st-b:9,st-b:1}');
SELECT cache_delete('st-a:1'), cache_delete('st-a:9'), cache_delete_many('{st-a:2,st-b:1}'), cache_take('st-a:4'), cache_clear('st-a');
SELECT cache_try_set('st-c:1', NULL), cache_get_or_null('st-c:1');
SELECT * FROM counted;

-- What is computed, and what becomes of it.
SELECT cache_get_or_set('st-d:1', 'SELECT to_jsonb(1)'), cache_get_or_set('st-d:1', 'SELECT to_jsonb(1)');
SELECT token FROM cache_fetch('st-d:2') \gset
SELECT cache_fill('st-d:2', '2', :'token'), cache_fill('st-d:2', '2', :'token'), cache_fill('st-d:2', '2', NULL);
SELECT cache_configure('st-e', stale_for => '1 hour');
SELECT cache_set('st-e:1', '1', '1 millisecond') IS NOT NULL, pg_sleep(0.01) IS NOT NULL;
SELECT found, stale, token IS NOT NULL AS token FROM cache_fetch('st-e:1');
SELECT * FROM counted WHERE namespace IN ('st-d', 'st-e');

SELECT cache_get_or_set('st-h:1', 'SELECT to_jsonb(pg_sleep(0.02) IS NULL)');
SELECT loads, load_ms >= 20 AS load_ms FROM cache_stats WHERE namespace = 'st-h';
SELECT tag_invalidations AS before FROM cache_stats WHERE scope = 'total' \gset
SELECT cache_invalidate_tags('st-x', 'st-y');
SELECT tag_invalidations - :before AS tags FROM cache_stats WHERE scope = 'total';

-- It is not transactional: what is rolled back was done all the same.
BEGIN;
SELECT cache_set('st-f:1', '1') IS NOT NULL, cache_get('st-f:1');
ROLLBACK;
SELECT namespace, hits, misses, sets FROM counted WHERE namespace = 'st-f';

-- A watched table is another reason to delete.
CREATE TABLE stats_source (id integer);
SELECT cache_watch('stats_source', keys => ARRAY['st-g:{id}']);
INSERT INTO stats_source SELECT generate_series(1, 5);
SELECT namespace, deletes, invalidations FROM counted WHERE namespace = 'st-g';
DROP TABLE stats_source;

-- Off and on.
SET cache_pg.track = off;
SELECT cache_get('st-f:1');
RESET cache_pg.track;
SELECT namespace, misses FROM counted WHERE namespace = 'st-f';

-- The total is that of all.
SELECT (SELECT hits FROM cache_stats WHERE scope = 'total') = (SELECT sum(hits) FROM cache_stats WHERE scope <> 'total') AS hits,
       (SELECT bytes_in FROM cache_stats WHERE scope = 'total') = (SELECT sum(bytes_in) FROM cache_stats WHERE scope <> 'total') AS bytes_in;

-- The views read every figure by its name, and no other.
SELECT name, is_counted, is_read
FROM (SELECT DISTINCT json_object_keys(figures::json) AS name, true AS is_counted FROM cache_stats()) AS counted
FULL JOIN (SELECT DISTINCT (regexp_matches(pg_get_viewdef(view), '(\w+) bigint', 'g'))[1] AS name, true AS is_read
           FROM unnest('{cache_stats,cache_sizes}'::regclass[]) AS view) AS shown USING (name)
WHERE is_counted IS NULL OR is_read IS NULL;

-- Beginning anew, for one namespace.
SELECT cache_stats_reset('st-f');
SELECT namespace, misses FROM counted WHERE namespace IN ('st-d', 'st-f');
SELECT cache_stats_reset('no:namespace');

-- How long it takes.
SELECT operation, one_in, timed > 0 AS timed, p50 <= p90 AND p90 <= p99 AND p99 <= p999 AND p999 <= max AS in_order
FROM cache_latency WHERE operation IN ('set', 'delete', 'fill', 'load') ORDER BY operation;

-- Every check is there, with what it was judged by.
SELECT "check", status IN ('ok', 'warning', 'critical') AS status, value <> '' AS value, threshold <> '' AS threshold, (advice IS NULL) = (status = 'ok') AS advice
FROM cache_health;

-- Those who monitor may look, and nobody else.
CREATE ROLE stats_monitor IN ROLE pg_monitor;
CREATE ROLE stats_nobody;
SET ROLE stats_monitor;
SELECT count(*) > 0 AS seen FROM cache_stats;
SELECT count(*) FROM cache_latency;
SELECT count(*) FROM cache_sweeps;
SELECT count(*) > 0 AS seen FROM cache_health;
SELECT count(*) >= 0 AS seen FROM cache_advice;
SELECT cache_stats_reset();
SET ROLE stats_nobody;
SELECT * FROM cache_stats;
SELECT * FROM cache_health();
RESET ROLE;
DROP ROLE stats_monitor, stats_nobody;
DROP VIEW counted;
SELECT cache_unconfigure('st-e'), cache_clear('st-d') + cache_clear('st-f') >= 0 AS cleared;
