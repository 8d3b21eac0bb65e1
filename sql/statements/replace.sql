-- $1 key, $2 value, $3 bytes, $4 tags, $5 the clock, $6 expires_at, $7 stale_until, $8 generations of the tags, $9 whether
-- the deadline stays, $10 the version to replace, NULL: any, $11 the value to replace, NULL: any. Without a value and
-- without bytes it writes a tombstone.
UPDATE @extschema@.cache_entries AS e
SET version = pg_catalog.pg_current_xact_id(),
    updated_at = $5,
    expires_at = CASE WHEN $9 THEN e.expires_at ELSE $6 END,
    stale_until = CASE WHEN $9 THEN e.stale_until ELSE $7 END,
    lease_until = NULL,
    lease_id = NULL,
    load_us = NULL,
    value = $2,
    bytes = $3,
    tags = $4,
    tag_generations = $8
WHERE key OPERATOR(pg_catalog.=) $1
  AND @live(pg_catalog.clock_timestamp())
  AND ($10 IS NULL OR version OPERATOR(pg_catalog.=) $10)
  AND ($11 IS NULL OR value OPERATOR(pg_catalog.=) $11)
RETURNING expires_at
