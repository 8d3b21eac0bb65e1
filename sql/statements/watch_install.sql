-- $1 a table, $2 the trigger function: the table and every table below it that gets triggers, and whether it gets the row
-- trigger itself. Partitions get that from their parent.
WITH RECURSIVE tree (relation) AS (
    SELECT $1
    UNION
    SELECT i.inhrelid
    FROM tree JOIN pg_catalog.pg_inherits AS i ON i.inhparent OPERATOR(pg_catalog.=) tree.relation
)
SELECT relation,
       NOT c.relispartition
       OR relation OPERATOR(pg_catalog.=) $1 AND NOT EXISTS (
              SELECT FROM pg_catalog.pg_inherits AS i
              JOIN pg_catalog.pg_trigger AS t ON t.tgrelid OPERATOR(pg_catalog.=) i.inhparent
              WHERE i.inhrelid OPERATOR(pg_catalog.=) relation AND t.tgfoid OPERATOR(pg_catalog.=) $2)
FROM tree
JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) relation
WHERE c.relpersistence OPERATOR(pg_catalog.<>) 't'
ORDER BY relation
