-- $1 key, $2 the clock, $3 until when, $4 the number of the lease
-- Every snapshot sees version 0: the key has not been written.
INSERT INTO @extschema@.cache_entries
    (key, created_at, version, updated_at, expires_at, stale_until, lease_until, lease_id)
VALUES ($1, '-infinity', '0', $2, $2, $3, $3, $4)
ON CONFLICT (key) DO NOTHING
