-- $1 key, $2 the number of the lease
WITH held AS MATERIALIZED (
    SELECT key
    FROM @extschema@.cache_entries
    WHERE key OPERATOR(pg_catalog.=) $1 AND lease_until IS NOT NULL AND lease_id OPERATOR(pg_catalog.=) $2
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE @extschema@.cache_entries AS e
SET lease_until = NULL, lease_id = NULL
FROM held
WHERE e.key OPERATOR(pg_catalog.=) held.key
