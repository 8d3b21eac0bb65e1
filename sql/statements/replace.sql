-- $1 key, $2 value, $3 tags, $4 the clock, $5 expires_at, $6 stale_until, $7 generations of the tags, $8 the version to
-- replace, NULL: any
UPDATE @extschema@.cache_entries AS e
SET version = pg_catalog.pg_current_xact_id(),
    updated_at = $4,
    expires_at = $5,
    stale_until = $6,
    lease_until = NULL,
    lease_id = NULL,
    load_us = NULL,
    value = $2,
    tags = $3,
    tag_generations = $7
WHERE key OPERATOR(pg_catalog.=) $1
  AND @live(pg_catalog.clock_timestamp())
  AND ($8 IS NULL OR version OPERATOR(pg_catalog.=) $8)
