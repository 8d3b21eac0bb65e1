-- $1 key, $2 the clock: the value of an entry that may be served, also after its deadline
SELECT value, bytes, expires_at, load_us, expires_at OPERATOR(pg_catalog.>) $2
FROM (
    -- With an old snapshot there may be two: one that was removed since, and one that the transaction has written after that.
    SELECT * FROM @extschema@.cache_entries WHERE key OPERATOR(pg_catalog.=) $1 ORDER BY version DESC LIMIT 1
) AS e
WHERE @has_value@ AND coalesce(stale_until, expires_at) OPERATOR(pg_catalog.>) $2
  AND expires_at OPERATOR(pg_catalog.>) ($2 OPERATOR(pg_catalog.-) '366 days'::pg_catalog.interval)
  AND @valid@
