-- $1 key, $2 value, $3 bytes, $4 tags, $5 the clock, $6 expires_at, $7 stale_until, $8 generations of the tags, $9 load_us,
-- $10 the number of the lease, NULL: none is needed, $11 the snapshot of the computation, as a pg_snapshot, $12 whether
-- rows that this transaction has written count too, $13 whether the deadline of a live entry stays. Without a value and
-- without bytes it writes a tombstone.
WITH free AS MATERIALIZED (
    SELECT key, @live($5) AS live
    FROM @extschema@.cache_entries AS e
    WHERE key OPERATOR(pg_catalog.=) $1
      AND ($10 IS NULL OR lease_until IS NOT NULL AND lease_id OPERATOR(pg_catalog.=) $10)
      AND (pg_catalog.pg_visible_in_snapshot(version, $11::pg_catalog.pg_snapshot)
           OR $10 IS NULL AND $12 AND version OPERATOR(pg_catalog.=) pg_catalog.pg_current_xact_id())
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE @extschema@.cache_entries AS e
SET created_at = CASE WHEN live THEN e.created_at WHEN $2 IS NULL AND $3 IS NULL THEN '-infinity' ELSE $5 END,
    version = pg_catalog.pg_current_xact_id(),
    updated_at = $5,
    expires_at = CASE WHEN live AND $13 THEN e.expires_at ELSE $6 END,
    stale_until = CASE WHEN live AND $13 THEN e.stale_until ELSE $7 END,
    lease_until = NULL,
    lease_id = NULL,
    load_us = $9,
    value = $2,
    bytes = $3,
    tags = $4,
    tag_generations = $8
FROM free
WHERE e.key OPERATOR(pg_catalog.=) free.key
