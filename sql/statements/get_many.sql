-- $1 keys, each once, $2 the clock
SELECT key, value, bytes
FROM (
    -- With an old snapshot there may be two of a key, as in get.sql.
    SELECT DISTINCT ON (key) *
    FROM @extschema@.cache_entries
    WHERE key OPERATOR(pg_catalog.=) ANY ($1)
    ORDER BY key, version DESC
) AS e
WHERE @live($2)
