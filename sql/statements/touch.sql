-- $1 key, $2 expires_at, $3 stale_until, $4 whether the deadline stays, $5 the version to touch, NULL: any
UPDATE @extschema@.cache_entries AS e
SET expires_at = CASE WHEN $4 THEN e.expires_at ELSE $2 END,
    stale_until = CASE WHEN $4 THEN e.stale_until ELSE $3 END
WHERE key OPERATOR(pg_catalog.=) $1
  AND @live(pg_catalog.clock_timestamp())
  AND ($5 IS NULL OR version OPERATOR(pg_catalog.=) $5)
RETURNING value, bytes
