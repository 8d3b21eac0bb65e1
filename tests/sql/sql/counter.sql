-- Counting.
SELECT cache_incr('count:a'), cache_incr('count:a', 10), cache_incr('count:a', -20), cache_incr('count:a', 0);
SELECT cache_get('count:a');
SELECT cache_incr('count:null', NULL) AS by_default, cache_incr('count:null', NULL) AS again;

-- An absent counter starts with the ttl, a live one keeps its deadline.
SELECT cache_incr('count:b', 1, '1 hour');
SELECT cache_ttl('count:b') > interval '59 minutes' AS hour;
SELECT cache_incr('count:b', 1, '1 minute');
SELECT cache_ttl('count:b') > interval '59 minutes' AS hour;
UPDATE cache_entries SET expires_at = clock_timestamp() WHERE key = 'count:b';
SELECT cache_incr('count:b', 5, '1 minute');
SELECT cache_ttl('count:b') < interval '2 minutes' AS minute;
SELECT cache_delete('count:b');
SELECT cache_incr('count:b', 7);

-- Any integer that was set can be counted on, and its tags stay.
SELECT cache_set('count:c', '41', tags => '{answers}') IS NOT NULL;
SELECT cache_incr('count:c');
SELECT value, tags FROM cache_entry('count:c');
SELECT cache_set('count:d', '2.0') IS NOT NULL;
SELECT cache_incr('count:d');
SELECT cache_set('count:e', '-9223372036854775808') IS NOT NULL;
SELECT cache_incr('count:e', 9223372036854775807);
SELECT cache_incr('count:f', 9223372036854775807);
