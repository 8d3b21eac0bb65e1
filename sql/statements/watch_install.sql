-- $1 a table: it and every table below it, all of which get the triggers, and whether it gets the row trigger. A partitioned
-- table does not: PostgreSQL would copy its row trigger to every partition, demand EXECUTE from the role that makes or
-- attaches one, and drop the copy of one that is detached.
WITH RECURSIVE tree (relation) AS (
    SELECT $1
    UNION
    SELECT i.inhrelid
    FROM tree JOIN pg_catalog.pg_inherits AS i ON i.inhparent OPERATOR(pg_catalog.=) tree.relation
)
SELECT relation, c.relkind OPERATOR(pg_catalog.=) 'r'
FROM tree
JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) relation
WHERE c.relpersistence OPERATOR(pg_catalog.<>) 't'
ORDER BY relation
