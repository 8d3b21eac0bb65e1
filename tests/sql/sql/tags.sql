-- Invalidation by tag.
SELECT cache_set('tag:a', '1', tags => ARRAY['red', 'green']) IS NOT NULL AS set;
SELECT cache_set('tag:b', '2', tags => ARRAY['green']) IS NOT NULL AS set;
SELECT cache_set('tag:c', '3') IS NOT NULL AS set;
SELECT cache_invalidate_tags('nobody');
SELECT key, value FROM cache_get_many(ARRAY['tag:a', 'tag:b', 'tag:c']);
SELECT cache_invalidate_tags('red', 'red', 'blue');
SELECT key, value FROM cache_get_many(ARRAY['tag:a', 'tag:b', 'tag:c']);
-- A miss for every verb.
SELECT cache_get('tag:a'), cache_exists('tag:a'), cache_ttl('tag:a'), cache_touch('tag:a'), cache_replace('tag:a', '9'), cache_delete('tag:a');
SELECT cache_keys('tag');
SELECT count(*) FROM cache_entry('tag:a');
-- What is written from now on counts again; an absent entry can be added, a counter starts anew.
SELECT cache_add('tag:a', '4', tags => ARRAY['red']), cache_get('tag:a');
SELECT cache_get('tag:a');
SELECT cache_set('tag:n', '41', tags => ARRAY['red']) IS NOT NULL AS set;
SELECT cache_invalidate_tags('red');
SELECT cache_incr('tag:n'), cache_take('tag:a');

-- It belongs to the transaction, and to the savepoint.
BEGIN;
SELECT cache_invalidate_tags('green');
SELECT cache_get('tag:b') AS inside;
ROLLBACK;
SELECT cache_get('tag:b') AS after;
BEGIN;
SAVEPOINT before;
SELECT cache_invalidate_tags('green');
ROLLBACK TO before;
COMMIT;
SELECT cache_get('tag:b') AS after;
-- Set after the invalidation, in one transaction: live. Invalidated again after that: gone.
BEGIN;
SELECT cache_invalidate_tags('green');
SELECT cache_set('tag:b', '5', tags => ARRAY['green']) IS NOT NULL AS set;
COMMIT;
SELECT cache_get('tag:b');
BEGIN;
SELECT cache_invalidate_tags('green');
SELECT cache_set('tag:b', '6', tags => ARRAY['green']) IS NOT NULL AS set;
SELECT cache_invalidate_tags('green');
COMMIT;
SELECT cache_get('tag:b');

-- One small row a tag, however often it is invalidated.
SELECT cache_invalidate_tags('green') FROM generate_series(1, 10);
SELECT tag, count(*) FROM cache_tags WHERE tag >= ' ' AND tag NOT LIKE '%-tag' GROUP BY tag ORDER BY tag;

-- An array of tags.
SELECT cache_invalidate_tags(VARIADIC ARRAY['red', 'green']), cache_invalidate_tags(VARIADIC '{}');

-- The hand removes what was invalidated.
SELECT cache_set('tag:dead', '1', '1 hour', ARRAY['red']) IS NOT NULL AS set;
SELECT cache_invalidate_tags('red');
SELECT cache_sweep(1000) > 0 AS swept;
SELECT count(*) FROM cache_entries WHERE key = 'tag:dead';
