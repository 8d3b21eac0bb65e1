-- $1 the clock, $2 how many, $3 the latest end that a lease can have: keys of due rows that the caller may see. The sweeper removes those that are still due.
SELECT key
FROM @extschema@.cache_entries AS e
WHERE (coalesce(stale_until, expires_at) OPERATOR(pg_catalog.<=) $1 OR NOT @valid@)
  AND (lease_until IS NULL OR lease_until OPERATOR(pg_catalog.<=) $1
       OR lease_until OPERATOR(pg_catalog.>) $3)
LIMIT $2
