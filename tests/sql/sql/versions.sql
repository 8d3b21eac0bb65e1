-- Delete and touch what was read, and nothing else. Read and touch in one. Count what is there.
SELECT cache_set('version:a', '1', '10 minutes') IS NOT NULL AS set;
SELECT version AS read FROM cache_entry('version:a') \gset
SELECT cache_touch('version:a', '1 hour', :'read'), cache_touch('version:a', '2 hours', version => '3') AS other;
SELECT version = :'read' AS same, cache_ttl_seconds(key) BETWEEN 3500 AND 3600 AS hour FROM cache_entry('version:a');
SELECT cache_touch('version:a', version => :'read');
SELECT cache_ttl_seconds('version:a') BETWEEN 200 AND 300 AS by_default;
SELECT cache_touch('version:a', 7200, NULL) AS any_version, cache_touch('version:none', '1 hour', :'read') AS absent;
SELECT cache_touch('version:a', NULL, '3', now() + '1 hour') AS other, cache_touch('version:a', NULL, '3', now() - '1 hour'::interval) AS other;
SELECT cache_ttl_seconds('version:a') BETWEEN 7000 AND 7200 AS untouched;
SELECT cache_set('version:a', '2') IS NOT NULL AS set;
SELECT cache_touch('version:a', '1 hour', :'read') AS replaced, cache_delete('version:a', :'read') AS replaced, cache_get('version:a');
SELECT version AS read FROM cache_entry('version:a') \gset
SELECT cache_delete('version:a', '0') AS other, cache_delete('version:a', '18446744073709551615') AS other, cache_delete('version:none', :'read') AS absent;
SELECT cache_delete('version:a', :'read');
SELECT cache_get('version:a'), cache_delete('version:a', :'read') AS again;
-- A delete with a version that was not there leaves no tombstone, so it refuses nobody's value.
SELECT token FROM cache_fetch('version:fill') \gset
SELECT cache_delete('version:fill', :'read'), cache_touch('version:fill', NULL, :'read', now() - '1 hour'::interval);
SELECT cache_fill('version:fill', '1', :'token');
-- One that was there does. A tombstone has a version too, and it is not live.
SELECT cache_set('version:b', '1', '10 minutes', '{version-tag}') IS NOT NULL AS set;
SELECT version AS read FROM cache_entry('version:b') \gset
SELECT cache_delete('version:b', version => :'read');
SELECT value IS NULL AS tombstone, tags, stale_until > clock_timestamp() + '10 s' AS stays, version AS read FROM cache_entries WHERE key = 'version:b' \gset
SELECT :'tombstone' AS tombstone, :'stays' AS stays, cache_delete('version:b', :'read'), cache_touch('version:b', 60, :'read');
SELECT cache_set('version:b', '1', '10 minutes', '{version-tag}') IS NOT NULL AS set;
SELECT version AS read FROM cache_entry('version:b') \gset
SELECT cache_invalidate_tags('version-tag');
SELECT cache_delete('version:b', :'read') AS invalidated, cache_touch('version:b', 60, :'read') AS invalidated;
SELECT cache_set('version:b', '1') IS NOT NULL AS set;
SELECT version AS read FROM cache_entry('version:b') \gset
UPDATE cache_entries SET expires_at = clock_timestamp() WHERE key = 'version:b';
SELECT cache_delete('version:b', :'read') AS expired, cache_touch('version:b', 60, :'read') AS expired;
-- Within one transaction all writes have one version.
BEGIN;
SELECT cache_set('version:c', '1') IS NOT NULL AS set;
SELECT version AS read FROM cache_entry('version:c') \gset
SELECT cache_set('version:c', '2') IS NOT NULL AS set, cache_delete('version:c', :'read');
COMMIT;
SELECT cache_exists('version:c');

-- Sliding expiry.
SELECT cache_set('version:d', '{"a": 1}', '1 minute') IS NOT NULL AS set;
SELECT version AS read FROM cache_entry('version:d') \gset
SELECT cache_get_and_touch('version:d', '1 hour'), cache_get_and_touch('version:none', '1 hour'), cache_get_and_touch_bytes('version:d', 3600);
SELECT version = :'read' AS same, cache_ttl_seconds(key) > 3500 AS hour FROM cache_entry('version:d');
SELECT cache_get_and_touch('version:d');
SELECT cache_ttl_seconds('version:d') BETWEEN 200 AND 300 AS by_default, cache_ttl_seconds('version:none');
SELECT cache_get_and_touch('version:d', '31 days');
SELECT cache_get_and_touch('', '1 hour');

-- Where a counter starts.
SELECT cache_incr('version:n', 1, initial => 10), cache_incr('version:n', 1, initial => 10), cache_incr('version:n', -5, NULL, 100);
SELECT cache_incr('version:m', initial => NULL), cache_incr('version:m', 5, '1 hour', NULL), cache_exists('version:m');
SELECT cache_incr('version:m', 0, '1 hour', 0), cache_incr('version:m', 5, '1 minute', NULL);
SELECT cache_ttl_seconds('version:m') > 3500 AS keeps, cache_get('version:m');
SELECT version AS read FROM cache_entry('version:m') \gset
SELECT cache_incr('version:m', 1, NULL, NULL);
SELECT version > :'read' AS new_version FROM cache_entry('version:m');
UPDATE cache_entries SET expires_at = clock_timestamp() WHERE key = 'version:m';
SELECT cache_incr('version:m', 1, NULL, NULL) AS expired;
SELECT cache_incr('version:m', -1, NULL, -9223372036854775807);
SELECT cache_incr('version:m', -1, NULL, NULL);
SELECT cache_incr('version:l', 1, NULL, 9223372036854775807);
-- Only the entry that starts overflows, not the one that is there.
SELECT cache_set('version:l', '5') IS NOT NULL AS set;
SELECT cache_incr('version:l', 1, NULL, 9223372036854775807);
SELECT cache_set('version:l', '"text"') IS NOT NULL AS set;
SELECT cache_incr('version:l', 1, NULL, NULL);
SELECT cache_get('version:l');
SELECT cache_clear('version') > 0 AS cleared;
