-- try_key
-- $1 key, $2 the clock, $3 how long it would stay, $4 whether it is a value or a lease, $5 tags
-- Whether the caller's policies allow a row of the key. PostgreSQL checks policies before constraints, and before it looks
-- for a row with the same key. So the missing version keeps the row from being written, and from waiting for another.
INSERT INTO @extschema@.cache_entries
    (key, created_at, version, updated_at, expires_at, stale_until, lease_until, lease_id, value, tags)
VALUES ($1, $2, NULL, $2, $3, $3, CASE WHEN NOT $4 THEN $3 END, CASE WHEN NOT $4 THEN 0 END,
        CASE WHEN $4 THEN 'null'::pg_catalog.jsonb END, $5)
ON CONFLICT (key) DO NOTHING
