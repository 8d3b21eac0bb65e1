-- $1 the trigger function, $2 whether the command that has just ended may have put a table below another.
-- One row for each table that the command has touched: directly, through a parent, or through the type that it is a table
-- of. The columns: the table; its tgargs, if it is watched; the tgargs of a watched parent, if the table lacks them.
WITH RECURSIVE touched (relation) AS (
    SELECT objid FROM pg_catalog.pg_event_trigger_ddl_commands()
    WHERE classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
    UNION
    SELECT next.relation
    FROM touched CROSS JOIN LATERAL (
        SELECT i.inhrelid FROM pg_catalog.pg_inherits AS i WHERE i.inhparent OPERATOR(pg_catalog.=) touched.relation
        UNION ALL
        SELECT d.objid
        FROM pg_catalog.pg_class AS c
        JOIN pg_catalog.pg_depend AS d
          ON d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_type'::pg_catalog.regclass
         AND d.refobjid OPERATOR(pg_catalog.=) c.reltype
         AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
         AND d.objsubid OPERATOR(pg_catalog.=) 0
        WHERE c.oid OPERATOR(pg_catalog.=) touched.relation AND c.relkind OPERATOR(pg_catalog.=) 'c'
    ) AS next (relation)
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
