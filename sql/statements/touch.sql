-- $1 key, $2 expires_at, $3 stale_until
UPDATE @extschema@.cache_entries AS e
SET expires_at = $2, stale_until = $3
WHERE key OPERATOR(pg_catalog.=) $1
  AND @live(pg_catalog.clock_timestamp())
