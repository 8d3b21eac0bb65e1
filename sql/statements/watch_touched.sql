-- $1 the trigger function, $2 whether the command may have put a table below another: what the command that has just
-- ended means for watched tables. Of each that it has touched: the table and what stands in tgargs, where it is watched; of
-- each that it has put below a watched one, what stands there, where the table has not got it yet.
WITH RECURSIVE touched (relation) AS (
    SELECT objid FROM pg_catalog.pg_event_trigger_ddl_commands()
    WHERE classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
    UNION
    SELECT i.inhrelid
    FROM touched JOIN pg_catalog.pg_inherits AS i ON i.inhparent OPERATOR(pg_catalog.=) touched.relation
), watched AS (
    SELECT DISTINCT tgrelid AS relation, tgargs AS argument
    FROM pg_catalog.pg_trigger
    WHERE tgfoid OPERATOR(pg_catalog.=) $1 AND tgparentid OPERATOR(pg_catalog.=) 0::pg_catalog.oid
)
SELECT touched.relation, own.argument, inherited.argument
FROM touched
LEFT JOIN watched AS own ON own.relation OPERATOR(pg_catalog.=) touched.relation
LEFT JOIN (
    SELECT i.inhrelid AS relation, watched.argument
    FROM pg_catalog.pg_inherits AS i
    JOIN watched ON watched.relation OPERATOR(pg_catalog.=) i.inhparent
    JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) i.inhrelid
    WHERE $2 AND c.relpersistence OPERATOR(pg_catalog.<>) 't'
) AS inherited ON inherited.relation OPERATOR(pg_catalog.=) touched.relation
             AND (own.argument IS NULL OR inherited.argument OPERATOR(pg_catalog.<>) own.argument)
WHERE EXISTS (
        SELECT FROM pg_catalog.pg_depend
        WHERE classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_trigger'::pg_catalog.regclass
          AND refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
          AND refobjid OPERATOR(pg_catalog.=) $1)
  AND (own.argument IS NOT NULL OR inherited.argument IS NOT NULL)
ORDER BY touched.relation
