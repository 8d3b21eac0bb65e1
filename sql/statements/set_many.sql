-- $1 keys in byte order, $2 values, $3 expires_at, $4 stale_until, $5 tags, $6 the clock, $7 generations of the tags
INSERT INTO @extschema@.cache_entries AS e
    (key, created_at, version, updated_at, expires_at, stale_until, value, tags, tag_generations)
SELECT key, $6, pg_catalog.pg_current_xact_id(), $6, expires_at, stale_until, value, $5, $7
FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4))
    AS entry (key, value, expires_at, stale_until)
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
