-- $1 from, $2 before, $3 only keys without a namespace, $4 the clock
SELECT pg_catalog.count(*)
FROM @extschema@.cache_entries AS e
WHERE key OPERATOR(pg_catalog.>=) $1 AND key OPERATOR(pg_catalog.<) $2
  AND (NOT $3 OR pg_catalog.strpos(key, ':') OPERATOR(pg_catalog.<) 2)
  AND @live($4)
