-- $1 the trigger function: the watched tables of which the command that has just ended has dropped a column, and their
-- tgargs
SELECT DISTINCT t.tgrelid, t.tgargs
FROM pg_catalog.pg_event_trigger_dropped_objects() AS d
JOIN pg_catalog.pg_trigger AS t
  ON t.tgrelid OPERATOR(pg_catalog.=) d.objid
 AND t.tgfoid OPERATOR(pg_catalog.=) $1
 AND t.tgparentid OPERATOR(pg_catalog.=) 0::pg_catalog.oid
WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
  AND d.objsubid OPERATOR(pg_catalog.>) 0
ORDER BY t.tgrelid
