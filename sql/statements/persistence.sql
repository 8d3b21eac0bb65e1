-- The tables that hold entries or tags, and how persistent each is: those of the extension but for what pg_dump keeps, which is
-- configuration. In the order in which they were made: whoever reads or writes locks cache_entries first.
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
