-- $1 from, $2 before, $3 only keys without a namespace, $4 the clock
SELECT pg_catalog.count(*)
FROM (
    -- With an old snapshot there may be two of a key, as in get.sql.
    SELECT DISTINCT ON (key) *
    FROM @extschema@.cache_entries
    WHERE key OPERATOR(pg_catalog.>=) $1 AND key OPERATOR(pg_catalog.<) $2
      AND (NOT $3 OR pg_catalog.strpos(key, ':') OPERATOR(pg_catalog.<) 2)
    ORDER BY key, version DESC
) AS e
WHERE @live($4)
