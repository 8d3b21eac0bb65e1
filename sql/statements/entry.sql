-- $1 key, $2 the clock
SELECT key, value, tags, version, created_at, updated_at, expires_at, coalesce(stale_until, expires_at), bytes
FROM (
    -- With an old snapshot there may be two: one that was removed since, and one that the transaction has written after that.
    SELECT * FROM @extschema@.cache_entries WHERE key OPERATOR(pg_catalog.=) $1 ORDER BY version DESC LIMIT 1
) AS e
WHERE @live($2)
