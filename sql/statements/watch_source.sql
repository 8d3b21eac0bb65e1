-- $1 a relation, $2 the trigger function: the facts that decide whether the current role may watch it
WITH RECURSIVE below (relation) AS (
    SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent OPERATOR(pg_catalog.=) $1
    UNION
    SELECT i.inhrelid
    FROM below JOIN pg_catalog.pg_inherits AS i ON i.inhparent OPERATOR(pg_catalog.=) below.relation
), above (relation, steps) AS (
    SELECT inhparent, 1 FROM pg_catalog.pg_inherits WHERE inhrelid OPERATOR(pg_catalog.=) $1
    UNION
    SELECT i.inhparent, steps OPERATOR(pg_catalog.+) 1
    FROM above JOIN pg_catalog.pg_inherits AS i ON i.inhrelid OPERATOR(pg_catalog.=) above.relation
), watched AS (
    SELECT DISTINCT tgrelid AS relation, tgargs AS argument
    FROM pg_catalog.pg_trigger
    WHERE tgfoid OPERATOR(pg_catalog.=) $2 AND tgparentid OPERATOR(pg_catalog.=) 0::pg_catalog.oid
)
SELECT c.relname::pg_catalog.text,
       c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p}'::pg_catalog."char"[])
           AND c.relpersistence OPERATOR(pg_catalog.<>) 't'
           AND c.oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid
           AND NOT EXISTS (
               SELECT FROM pg_catalog.pg_depend AS d
               JOIN pg_catalog.pg_extension AS e ON e.oid OPERATOR(pg_catalog.=) d.refobjid
               WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
                 AND d.objid OPERATOR(pg_catalog.=) c.oid
                 AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
                 AND e.extname OPERATOR(pg_catalog.=) 'cache_pg'),
       pg_catalog.pg_has_role(c.relowner, 'USAGE'),
       own.argument IS NOT NULL,
       (SELECT a.relname::pg_catalog.text
        FROM above
        JOIN watched ON watched.relation OPERATOR(pg_catalog.=) above.relation
        JOIN pg_catalog.pg_class AS a ON a.oid OPERATOR(pg_catalog.=) above.relation
        ORDER BY steps DESC, a.relname
        LIMIT 1),
       (SELECT b.relname::pg_catalog.text
        FROM below
        JOIN watched ON watched.relation OPERATOR(pg_catalog.=) below.relation
        JOIN pg_catalog.pg_class AS b ON b.oid OPERATOR(pg_catalog.=) below.relation
        WHERE own.argument IS NULL OR watched.argument OPERATOR(pg_catalog.<>) own.argument
        ORDER BY b.relname
        LIMIT 1),
       (SELECT f.relname::pg_catalog.text
        FROM below JOIN pg_catalog.pg_class AS f ON f.oid OPERATOR(pg_catalog.=) relation
        WHERE f.relkind OPERATOR(pg_catalog.=) 'f'
        ORDER BY f.relname
        LIMIT 1),
       (SELECT o.relname::pg_catalog.text
        FROM below JOIN pg_catalog.pg_class AS o ON o.oid OPERATOR(pg_catalog.=) relation
        WHERE NOT pg_catalog.pg_has_role(o.relowner, 'USAGE')
        ORDER BY o.relname
        LIMIT 1)
FROM pg_catalog.pg_class AS c
LEFT JOIN watched AS own ON own.relation OPERATOR(pg_catalog.=) c.oid
WHERE c.oid OPERATOR(pg_catalog.=) $1
