-- $1 from, $2 before, $3 only keys without a namespace, $4 the clock, $5 how long the tombstones stay
-- Locks rows in key order, as every writer of many keys does. Leaves rows that may not be served any more to the
-- sweeper: at REPEATABLE READ, locking a row that the sweeper has just removed raises. The update repeats this
-- condition, because an old snapshot may hold such a row beside the newer one of the same key.
WITH found AS MATERIALIZED (
    SELECT key, @live(pg_catalog.clock_timestamp()) AS live
    FROM @extschema@.cache_entries AS e
    WHERE key OPERATOR(pg_catalog.>=) $1 AND key OPERATOR(pg_catalog.<) $2
      AND (NOT $3 OR pg_catalog.strpos(key, ':') OPERATOR(pg_catalog.<) 2)
      AND (@has_value@ OR lease_id IS NOT NULL OR expires_at OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp())
      AND coalesce(stale_until, expires_at) OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp()
    ORDER BY key
    FOR UPDATE
), buried AS (
    UPDATE @extschema@.cache_entries AS e
    SET created_at = CASE WHEN found.live THEN e.created_at ELSE '-infinity' END,
        version = pg_catalog.pg_current_xact_id(),
        updated_at = $4,
        expires_at = $4,
        stale_until = $5,
        lease_until = NULL,
        lease_id = NULL,
        load_us = NULL,
        value = NULL,
        bytes = NULL,
        tags = NULL,
        tag_generations = NULL
    FROM found
    WHERE e.key OPERATOR(pg_catalog.=) found.key
      AND coalesce(e.stale_until, e.expires_at) OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp()
    RETURNING found.live
)
SELECT pg_catalog.count(*) FROM buried WHERE live
