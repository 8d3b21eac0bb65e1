-- $1 a table, $2 the argument of its triggers, $3 the trigger function, $4 its name: the commands that give the triggers
-- to the table and to every table below it.
-- Statement triggers of a partitioned table fire for statements that name it, those of a partition for those that name
-- the partition. Row triggers are there for what fires no statement triggers, changes that a subscription applies, and
-- are off otherwise; partitions get them from their parent.
WITH RECURSIVE tree (relation) AS (
    SELECT $1
    UNION
    SELECT i.inhrelid
    FROM tree JOIN pg_catalog.pg_inherits AS i ON i.inhparent OPERATOR(pg_catalog.=) tree.relation
), kind (number, name, event, level, enabled) AS (
    VALUES (1, 'cache_pg_watch_insert', 'INSERT', 'REFERENCING NEW TABLE AS new FOR EACH STATEMENT', NULL),
           (2, 'cache_pg_watch_update', 'UPDATE', 'REFERENCING OLD TABLE AS old NEW TABLE AS new FOR EACH STATEMENT', NULL),
           (3, 'cache_pg_watch_delete', 'DELETE', 'REFERENCING OLD TABLE AS old FOR EACH STATEMENT', NULL),
           (4, 'cache_pg_watch_truncate', 'TRUNCATE', 'FOR EACH STATEMENT', 'ALWAYS'),
           (5, 'cache_pg_watch_applied', 'INSERT OR UPDATE OR DELETE', 'FOR EACH ROW', 'REPLICA')
), wanted AS (
    SELECT relation, kind.*, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name_of_table
    FROM tree
    JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) relation
    JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    CROSS JOIN kind
    WHERE c.relpersistence OPERATOR(pg_catalog.<>) 't'
      AND (kind.number OPERATOR(pg_catalog.<) 5
       OR NOT c.relispartition
       OR relation OPERATOR(pg_catalog.=) $1 AND NOT EXISTS (
              SELECT FROM pg_catalog.pg_inherits AS i
              JOIN pg_catalog.pg_trigger AS t ON t.tgrelid OPERATOR(pg_catalog.=) i.inhparent
              WHERE i.inhrelid OPERATOR(pg_catalog.=) relation AND t.tgfoid OPERATOR(pg_catalog.=) $3))
)
SELECT command
FROM wanted
CROSS JOIN LATERAL (
    VALUES (1, pg_catalog.format('CREATE TRIGGER %I AFTER %s ON %s %s EXECUTE FUNCTION %s(%L)',
                                 name, event, name_of_table, level, $4, $2)),
           (2, pg_catalog.format('ALTER TABLE %s ENABLE %s TRIGGER %I', name_of_table, enabled, name))
) AS step (number, command)
WHERE step.number OPERATOR(pg_catalog.=) 1 OR enabled IS NOT NULL
ORDER BY relation, wanted.number, step.number
