-- $1 key, $2 value, $3 bytes, $4 tags, $5 the clock, $6 expires_at, $7 stale_until, $8 generations of the tags, $9 load_us
INSERT INTO @extschema@.cache_entries
    (key, created_at, version, updated_at, expires_at, stale_until, load_us, value, bytes, tags, tag_generations)
VALUES ($1, $5, pg_catalog.pg_current_xact_id(), $5, $6, $7, $9, $2, $3, $4, $8)
ON CONFLICT (key) DO NOTHING
