-- Where the extension lives in this database: no row where it is not installed.
SELECT pg_catalog.quote_ident(n.nspname),
       entries.oid,
       entries.relowner,
       entries.relhastriggers OR entries.relhasrules,
       namespaces.oid,
       namespaces.relowner,
       tags.oid,
       -- An ordinary heap with the columns of tables.sql: key, created_at, version, updated_at, expires_at, stale_until,
       -- lease_until, lease_id, load_us, value, tags, tag_generations.
       entries.relkind OPERATOR(pg_catalog.=) 'r' AND entries.relam OPERATOR(pg_catalog.=) 2
           AND '{25,1184,5069,1184,1184,1184,1184,20,20,3802,1009,1016}'::pg_catalog.oid[] OPERATOR(pg_catalog.=) (
               SELECT pg_catalog.array_agg(a.atttypid ORDER BY a.attnum)
               FROM pg_catalog.pg_attribute AS a
               WHERE a.attrelid OPERATOR(pg_catalog.=) entries.oid AND a.attnum OPERATOR(pg_catalog.>) 0),
       -- Neither an index nor a constraint beside the primary key and the checks of tables.sql.
       1 OPERATOR(pg_catalog.=) (
           SELECT pg_catalog.count(*) FROM pg_catalog.pg_index AS i WHERE i.indrelid OPERATOR(pg_catalog.=) entries.oid)
           AND NOT entries.relispartition AND NOT entries.relhassubclass
           AND NOT EXISTS (
               SELECT FROM pg_catalog.pg_constraint AS c
               WHERE c.conrelid OPERATOR(pg_catalog.=) entries.oid
                 AND c.contype OPERATOR(pg_catalog.<>) ALL ('{p,n}'::pg_catalog."char"[])
                 AND c.conname OPERATOR(pg_catalog.<>) ALL (
                     '{cache_entries_key_check,cache_entries_load_us_check,cache_entries_lease_check,cache_entries_tags_check}'::pg_catalog.name[])),
       entries.relpersistence OPERATOR(pg_catalog.=) 'u' OR tags.relpersistence OPERATOR(pg_catalog.=) 'u',
       entries.relrowsecurity,
       -- A heap that begins with these columns: enough to remove rows.
       entries.relkind OPERATOR(pg_catalog.=) 'r' AND entries.relam OPERATOR(pg_catalog.=) 2
           AND '{25,1184,5069,1184,1184,1184,1184,20,20,3802,1009,1016}'::pg_catalog.oid[] OPERATOR(pg_catalog.=) (
               SELECT pg_catalog.array_agg(a.atttypid ORDER BY a.attnum)
               FROM pg_catalog.pg_attribute AS a
               WHERE a.attrelid OPERATOR(pg_catalog.=) entries.oid
                 AND a.attnum OPERATOR(pg_catalog.>) 0 AND a.attnum OPERATOR(pg_catalog.<=) 12),
       EXISTS (
           SELECT FROM pg_catalog.pg_constraint AS c
           WHERE c.confrelid OPERATOR(pg_catalog.=) entries.oid AND c.contype OPERATOR(pg_catalog.=) 'f')
FROM pg_catalog.pg_extension AS e
JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) e.extnamespace
JOIN pg_catalog.pg_class AS entries
  ON entries.relnamespace OPERATOR(pg_catalog.=) e.extnamespace
 AND entries.relname OPERATOR(pg_catalog.=) 'cache_entries'
JOIN pg_catalog.pg_class AS namespaces
  ON namespaces.relnamespace OPERATOR(pg_catalog.=) e.extnamespace
 AND namespaces.relname OPERATOR(pg_catalog.=) 'cache_namespaces'
JOIN pg_catalog.pg_class AS tags
  ON tags.relnamespace OPERATOR(pg_catalog.=) e.extnamespace
 AND tags.relname OPERATOR(pg_catalog.=) 'cache_tags'
WHERE e.extname OPERATOR(pg_catalog.=) 'cache_pg'
