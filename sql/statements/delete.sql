-- $1 keys in byte order, each once, $2 the clock, $3 how long the tombstones stay
-- Writes a tombstone also where there was no row: it refuses a value that was computed before and arrives afterwards.
-- Its created_at tells whether it replaced a live entry, because no other column of the old row survives.
WITH buried AS (
    INSERT INTO @extschema@.cache_entries AS e
        (key, created_at, version, updated_at, expires_at, stale_until)
    SELECT key, '-infinity', pg_catalog.pg_current_xact_id(), $2, $2, $3
    FROM pg_catalog.unnest($1) AS key
    ON CONFLICT (key) DO UPDATE SET
        created_at = CASE WHEN @live(pg_catalog.clock_timestamp()) THEN e.created_at ELSE excluded.created_at END,
        version = excluded.version,
        updated_at = excluded.updated_at,
        expires_at = excluded.expires_at,
        stale_until = excluded.stale_until,
        lease_until = NULL,
        lease_id = NULL,
        load_us = NULL,
        value = NULL,
        bytes = NULL,
        tags = NULL,
        tag_generations = NULL
    RETURNING created_at
)
SELECT pg_catalog.count(*) FROM buried WHERE created_at OPERATOR(pg_catalog.>) '-infinity'
