-- $1 namespace
DELETE FROM @extschema@.cache_namespaces WHERE namespace OPERATOR(pg_catalog.=) $1
