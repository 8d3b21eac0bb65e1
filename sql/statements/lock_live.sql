-- $1 key: its live value, and from now on nobody else changes it
SELECT value
FROM @extschema@.cache_entries
WHERE key OPERATOR(pg_catalog.=) $1
  AND value IS NOT NULL AND expires_at OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp()
  AND (tags IS NULL OR @extschema@.cache_tags_hold(tags, tag_generations))
FOR UPDATE
