-- $1 key, $2 value, $3 tags, $4 the clock, $5 expires_at, $6 stale_until, $7 generations of the tags, $8 load_us,
-- $9 the number of the lease, NULL: none is needed, $10 the snapshot of the computation, as a pg_snapshot, $11 whether
-- rows that this transaction has written count too
WITH free AS MATERIALIZED (
    SELECT key, @live($4) AS live
    FROM @extschema@.cache_entries AS e
    WHERE key OPERATOR(pg_catalog.=) $1
      AND ($9 IS NULL OR lease_until IS NOT NULL AND lease_id OPERATOR(pg_catalog.=) $9)
      AND (pg_catalog.pg_visible_in_snapshot(version, $10::pg_catalog.pg_snapshot)
           OR $9 IS NULL AND $11 AND version OPERATOR(pg_catalog.=) pg_catalog.pg_current_xact_id())
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE @extschema@.cache_entries AS e
SET created_at = CASE WHEN live THEN e.created_at ELSE $4 END,
    version = pg_catalog.pg_current_xact_id(),
    updated_at = $4,
    expires_at = $5,
    stale_until = $6,
    lease_until = NULL,
    lease_id = NULL,
    load_us = $8,
    value = $2,
    tags = $3,
    tag_generations = $7
FROM free
WHERE e.key OPERATOR(pg_catalog.=) free.key
