-- Where the extension lives in this database: no row where it is not installed.
SELECT pg_catalog.quote_ident(n.nspname),
       entries.oid,
       entries.relowner,
       entries.relhastriggers OR entries.relhasrules,
       namespaces.oid,
       namespaces.relowner
FROM pg_catalog.pg_extension AS e
JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) e.extnamespace
JOIN pg_catalog.pg_class AS entries
  ON entries.relnamespace OPERATOR(pg_catalog.=) e.extnamespace
 AND entries.relname OPERATOR(pg_catalog.=) 'cache_entries'
JOIN pg_catalog.pg_class AS namespaces
  ON namespaces.relnamespace OPERATOR(pg_catalog.=) e.extnamespace
 AND namespaces.relname OPERATOR(pg_catalog.=) 'cache_namespaces'
WHERE e.extname OPERATOR(pg_catalog.=) 'cache_pg'
