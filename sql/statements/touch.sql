-- $1 key, $2 expires_at, $3 stale_until
UPDATE @extschema@.cache_entries
SET expires_at = $2, stale_until = $3
WHERE key OPERATOR(pg_catalog.=) $1
  AND value IS NOT NULL AND expires_at OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp()
  AND (tags IS NULL OR @extschema@.cache_tags_hold(tags, tag_generations))
