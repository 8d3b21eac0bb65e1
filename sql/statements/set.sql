-- $1 key, $2 value, $3 tags, $4 the clock, $5 expires_at, $6 stale_until, $7 generations of the tags
INSERT INTO @extschema@.cache_entries AS e
    (key, created_at, version, updated_at, expires_at, stale_until, value, tags, tag_generations)
VALUES ($1, $4, pg_catalog.pg_current_xact_id(), $4, $5, $6, $2, $3, $7)
ON CONFLICT (key) DO UPDATE SET
    created_at = CASE WHEN @live(pg_catalog.clock_timestamp()) THEN e.created_at ELSE excluded.created_at END,
    version = excluded.version,
    updated_at = excluded.updated_at,
    expires_at = excluded.expires_at,
    stale_until = excluded.stale_until,
    lease_until = NULL,
    lease_id = NULL,
    load_us = NULL,
    value = excluded.value,
    tags = excluded.tags,
    tag_generations = excluded.tag_generations
