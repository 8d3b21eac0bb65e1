-- $1 a table: every table below it, in the order in which they are locked
WITH RECURSIVE below (relation) AS (
    SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent OPERATOR(pg_catalog.=) $1
    UNION
    SELECT i.inhrelid
    FROM below JOIN pg_catalog.pg_inherits AS i ON i.inhparent OPERATOR(pg_catalog.=) below.relation
)
SELECT relation FROM below ORDER BY relation
