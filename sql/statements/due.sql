-- $1 the clock, $2 how many: keys of due rows that the caller may see. The hand removes those that still are due.
SELECT key
FROM @extschema@.cache_entries
WHERE (coalesce(stale_until, expires_at) OPERATOR(pg_catalog.<=) $1
       OR tags IS NOT NULL AND NOT @extschema@.cache_tags_hold(tags, tag_generations))
  AND (lease_until IS NULL OR lease_until OPERATOR(pg_catalog.<=) $1
       OR lease_until OPERATOR(pg_catalog.>) ($1 OPERATOR(pg_catalog.+) '1 day'::pg_catalog.interval))
LIMIT $2
