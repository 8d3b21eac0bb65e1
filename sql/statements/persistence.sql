-- The tables that hold entries or tags, and whether each is unlogged: all tables of the extension except those that pg_dump
-- keeps, which hold configuration. In the order of their creation: readers and writers lock cache_entries first.
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), c.relpersistence OPERATOR(pg_catalog.=) 'u'
FROM pg_catalog.pg_extension AS e
JOIN pg_catalog.pg_depend AS d
  ON d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
 AND d.refobjid OPERATOR(pg_catalog.=) e.oid
 AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
 AND d.deptype OPERATOR(pg_catalog.=) 'e'
JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) d.objid
JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
WHERE e.extname OPERATOR(pg_catalog.=) 'cache_pg'
  AND c.relkind OPERATOR(pg_catalog.=) 'r'
  AND c.oid OPERATOR(pg_catalog.<>) ALL (coalesce(e.extconfig, '{}'))
ORDER BY c.relname OPERATOR(pg_catalog.<>) 'cache_entries', c.oid
