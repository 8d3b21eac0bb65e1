-- $1 the clock, $2 how many: the way of the executor, where policies or triggers must have their say
DELETE FROM @extschema@.cache_entries
WHERE ctid OPERATOR(pg_catalog.=) ANY (ARRAY(
    SELECT ctid
    FROM @extschema@.cache_entries
    WHERE (coalesce(stale_until, expires_at) OPERATOR(pg_catalog.<=) $1
           OR tags IS NOT NULL AND NOT @extschema@.cache_tags_hold(tags, tag_generations))
      AND (lease_until IS NULL OR lease_until OPERATOR(pg_catalog.<=) $1)
    LIMIT $2
    FOR UPDATE SKIP LOCKED))
