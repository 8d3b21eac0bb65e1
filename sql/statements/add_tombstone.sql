-- $1 key, $2 the clock, $3 how long the tombstone stays: nothing where an entry is live
INSERT INTO @extschema@.cache_entries AS e
    (key, created_at, version, updated_at, expires_at, stale_until)
VALUES ($1, '-infinity', pg_catalog.pg_current_xact_id(), $2, $2, $3)
ON CONFLICT (key) DO UPDATE SET
    created_at = excluded.created_at,
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
WHERE NOT @live(pg_catalog.clock_timestamp())
