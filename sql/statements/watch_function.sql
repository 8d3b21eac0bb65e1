-- The function of the triggers of watched tables, and its owner. It is the member of the extension that calls this C
-- function, even if it was renamed
SELECT p.oid, p.proowner
FROM pg_catalog.pg_extension AS e
JOIN pg_catalog.pg_depend AS d
  ON d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
 AND d.refobjid OPERATOR(pg_catalog.=) e.oid
 AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
 AND d.deptype OPERATOR(pg_catalog.=) 'e'
JOIN pg_catalog.pg_proc AS p
  ON p.oid OPERATOR(pg_catalog.=) d.objid
 AND p.prosrc OPERATOR(pg_catalog.=) 'cache_watch_trigger_wrapper'
WHERE e.extname OPERATOR(pg_catalog.=) 'cache_pg'
