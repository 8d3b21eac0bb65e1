-- $1 key, $2 the clock, $3 until when, $4 the number of the lease, $5 the caller's snapshot, as a pg_snapshot,
-- $6 also of a live entry, $7 the latest end that another lease can have
-- Skips a row that another transaction has locked. The value stays as long as it may be served; the version stays.
WITH free AS MATERIALIZED (
    SELECT key,
           @has_value@ AND coalesce(stale_until, expires_at) OPERATOR(pg_catalog.>) $2 AND @valid@ AS served
    FROM @extschema@.cache_entries AS e
    WHERE key OPERATOR(pg_catalog.=) $1
      AND (lease_until IS NULL OR lease_until OPERATOR(pg_catalog.<=) $2
           OR lease_until OPERATOR(pg_catalog.>) $7)
      AND pg_catalog.pg_visible_in_snapshot(version, $5::pg_catalog.pg_snapshot)
      AND ($6 OR NOT @live($2))
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE @extschema@.cache_entries AS e
SET lease_until = $3,
    lease_id = $4,
    created_at = CASE WHEN served THEN e.created_at ELSE '-infinity' END,
    expires_at = CASE WHEN served THEN e.expires_at ELSE $2 END,
    stale_until = CASE WHEN served THEN e.stale_until ELSE greatest(e.stale_until, $3) END,
    load_us = CASE WHEN served THEN e.load_us END,
    value = CASE WHEN served THEN e.value END,
    bytes = CASE WHEN served THEN e.bytes END,
    tags = CASE WHEN served THEN e.tags END,
    tag_generations = CASE WHEN served THEN e.tag_generations END
FROM free
WHERE e.key OPERATOR(pg_catalog.=) free.key
