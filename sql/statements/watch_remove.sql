-- $1 a table, $2 the trigger function: the triggers of the table and of every table below it. A copy of a foreign row
-- trigger on a partitioned table goes with that trigger.
WITH RECURSIVE tree (relation) AS (
    SELECT $1
    UNION
    SELECT i.inhrelid
    FROM tree JOIN pg_catalog.pg_inherits AS i ON i.inhparent OPERATOR(pg_catalog.=) tree.relation
)
SELECT t.oid
FROM tree
JOIN pg_catalog.pg_trigger AS t ON t.tgrelid OPERATOR(pg_catalog.=) relation
WHERE t.tgfoid OPERATOR(pg_catalog.=) $2 AND t.tgparentid OPERATOR(pg_catalog.=) 0::pg_catalog.oid
ORDER BY relation, t.tgname
