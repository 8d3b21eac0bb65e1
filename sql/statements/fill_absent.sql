-- $1 key, $2 value, $3 tags, $4 the clock, $5 expires_at, $6 stale_until, $7 generations of the tags, $8 load_us
INSERT INTO @extschema@.cache_entries
    (key, created_at, version, updated_at, expires_at, stale_until, load_us, value, tags, tag_generations)
VALUES ($1, $4, pg_catalog.pg_current_xact_id(), $4, $5, $6, $8, $2, $3, $7)
ON CONFLICT (key) DO NOTHING
