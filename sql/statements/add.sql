-- $1 key, $2 value, $3 bytes, $4 tags, $5 the clock, $6 expires_at, $7 stale_until, $8 generations of the tags, $9 whether
-- the deadline of a live entry stays, $10 the value of a live entry that may be replaced, NULL: none. Without a value and
-- without bytes it writes a tombstone.
INSERT INTO @extschema@.cache_entries AS e
    (key, created_at, version, updated_at, expires_at, stale_until, value, bytes, tags, tag_generations)
VALUES ($1, CASE WHEN $2 IS NULL AND $3 IS NULL THEN '-infinity' ELSE $5 END, pg_catalog.pg_current_xact_id(), $5, $6, $7,
        $2, $3, $4, $8)
ON CONFLICT (key) DO UPDATE SET
    created_at = CASE WHEN @live(pg_catalog.clock_timestamp()) THEN e.created_at ELSE excluded.created_at END,
    version = excluded.version,
    updated_at = excluded.updated_at,
    expires_at = CASE WHEN $9 AND @live(pg_catalog.clock_timestamp()) THEN e.expires_at ELSE excluded.expires_at END,
    stale_until = CASE WHEN $9 AND @live(pg_catalog.clock_timestamp()) THEN e.stale_until ELSE excluded.stale_until END,
    lease_until = NULL,
    lease_id = NULL,
    load_us = NULL,
    value = excluded.value,
    bytes = excluded.bytes,
    tags = excluded.tags,
    tag_generations = excluded.tag_generations
WHERE NOT @live(pg_catalog.clock_timestamp()) OR e.value OPERATOR(pg_catalog.=) $10
RETURNING expires_at
