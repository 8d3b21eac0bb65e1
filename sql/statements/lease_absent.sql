-- $1 key, $2 the clock, $3 until when, $4 the lease's number
-- The version is one that every snapshot sees: nobody has written the key.
INSERT INTO @extschema@.cache_entries
    (key, created_at, version, updated_at, expires_at, stale_until, lease_until, lease_id)
VALUES ($1, '-infinity', '0', $2, $2, $3, $3, $4)
ON CONFLICT (key) DO NOTHING
