-- The function of the triggers of watched tables, and who owns it
SELECT p.oid, p.proowner
FROM pg_catalog.pg_extension AS e
JOIN pg_catalog.pg_proc AS p
  ON p.pronamespace OPERATOR(pg_catalog.=) e.extnamespace
 AND p.proname OPERATOR(pg_catalog.=) 'cache_watch_trigger'
WHERE e.extname OPERATOR(pg_catalog.=) 'cache_pg'
