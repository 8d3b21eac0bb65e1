-- The version of the extension in this database; no row if it is not installed.
SELECT extversion
FROM pg_catalog.pg_extension
WHERE extname OPERATOR(pg_catalog.=) 'cache_pg'
