-- What CREATE EXTENSION puts into the database: the contract that clients rely on.
SELECT p.oid::regprocedure AS function,
       CASE WHEN to_regclass(p.proname) IS NOT NULL THEN 'the rows of the view'
            ELSE replace(replace(pg_get_function_result(p.oid), 'timestamp with time zone', 'timestamptz'), 'TABLE', '')
       END AS returns,
       CASE provolatile WHEN 's' THEN 'stable' WHEN 'v' THEN 'volatile' ELSE 'immutable' END AS volatility,
       CASE proparallel WHEN 's' THEN 'safe' WHEN 'u' THEN 'unsafe' ELSE 'restricted' END AS parallel,
       CASE WHEN proacl IS NULL THEN 'all' WHEN proacl::text LIKE '%pg_monitor%' THEN 'pg_monitor' ELSE 'owner' END AS callable_by
FROM pg_depend JOIN pg_proc p ON p.oid = objid
WHERE deptype = 'e' AND classid = 'pg_proc'::regclass
  AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'cache_pg')
ORDER BY p.oid::regprocedure::text COLLATE "C";

\d cache_entries
\d cache_namespaces
\d cache_watches
\d cache_stats
\d cache_latency
\d cache_sweeps
\d cache_loads
\d cache_health
\d cache_advice
\dy

-- Every function and every table says what it is.
SELECT objid::regprocedure AS without_comment
FROM pg_depend
WHERE deptype = 'e' AND classid = 'pg_proc'::regclass
  AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'cache_pg')
  AND obj_description(objid, 'pg_proc') IS NULL;

-- A function that takes a ttl takes it as text too.
SELECT p.oid::regprocedure AS without_text_ttl
FROM pg_depend JOIN pg_proc p ON p.oid = objid
WHERE deptype = 'e' AND classid = 'pg_proc'::regclass
  AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'cache_pg')
  AND proargtypes[array_position(proargnames, 'ttl') - 1] = 'interval'::regtype
  AND NOT EXISTS (
      SELECT FROM pg_proc AS t
      WHERE t.proname = p.proname AND t.pronamespace = p.pronamespace
        AND t.proargtypes[array_position(t.proargnames, 'ttl') - 1] = 'text'::regtype
  );

-- Nothing is granted to PUBLIC.
SELECT relname, grantee, privilege_type
FROM pg_class, aclexplode(coalesce(relacl, acldefault('r', relowner)))
WHERE relname LIKE 'cache\_%' AND relkind IN ('r', 'v') AND grantee = 0;

-- No index on a column that a set changes: it would end HOT updates.
SELECT indexrelid::regclass, pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'cache_entries'::regclass;

SELECT name, unit, context, vartype, min_val, max_val, boot_val
FROM pg_settings WHERE name LIKE 'cache\_pg.%' ORDER BY name;
SET cache_pg.no_such_setting = 1;
\set VERBOSITY sqlstate
SET cache_pg.default_ttl = 0;
