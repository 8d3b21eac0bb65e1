-- $1 a table: it and every table below it, which get the triggers, and whether the table has rows of its own to be told of
-- one by one. A partitioned table has none: PostgreSQL would make copies of its row trigger for every partition, ask for
-- EXECUTE of whoever makes or attaches one, and drop the copy of one that is detached.
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
