-- Whether any table is watched: whether a trigger calls the C function of watches, which is a member of the extension
SELECT EXISTS (
    SELECT
    FROM pg_catalog.pg_extension AS e
    JOIN pg_catalog.pg_depend AS d
      ON d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
     AND d.refobjid OPERATOR(pg_catalog.=) e.oid
     AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
     AND d.deptype OPERATOR(pg_catalog.=) 'e'
    JOIN pg_catalog.pg_proc AS p
      ON p.oid OPERATOR(pg_catalog.=) d.objid
     AND p.prosrc OPERATOR(pg_catalog.=) 'cache_watch_trigger_wrapper'
    JOIN pg_catalog.pg_trigger AS t ON t.tgfoid OPERATOR(pg_catalog.=) p.oid
    WHERE e.extname OPERATOR(pg_catalog.=) 'cache_pg')
