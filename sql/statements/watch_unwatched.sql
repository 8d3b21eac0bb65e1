-- $1 the trigger function: the watched tables, and the tables below them, that lack one of the triggers or have one that is
-- not enabled as it must be
WITH RECURSIVE needed (name, enabled) AS (
    VALUES ('cache_pg_watch_insert'::pg_catalog.name, '{O,A}'::pg_catalog."char"[]),
           ('cache_pg_watch_update', '{O,A}'),
           ('cache_pg_watch_delete', '{O,A}'),
           ('cache_pg_watch_truncate', '{A}'),
           ('cache_pg_watch_applied', '{R,A}')
), watched (relation) AS (
    SELECT t.tgrelid
    FROM pg_catalog.pg_trigger AS t JOIN needed ON needed.name OPERATOR(pg_catalog.=) t.tgname
    WHERE t.tgfoid OPERATOR(pg_catalog.=) $1 AND t.tgparentid OPERATOR(pg_catalog.=) 0::pg_catalog.oid
    UNION
    SELECT i.inhrelid
    FROM watched JOIN pg_catalog.pg_inherits AS i ON i.inhparent OPERATOR(pg_catalog.=) watched.relation
)
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) COLLATE pg_catalog."C"
FROM watched
JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) watched.relation
JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
WHERE c.relpersistence OPERATOR(pg_catalog.<>) 't' AND EXISTS (
    SELECT FROM needed
    WHERE (c.relkind OPERATOR(pg_catalog.<>) 'p' OR needed.name OPERATOR(pg_catalog.<>) 'cache_pg_watch_applied')
      AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_trigger AS t
          WHERE t.tgrelid OPERATOR(pg_catalog.=) c.oid
            AND t.tgfoid OPERATOR(pg_catalog.=) $1
            AND t.tgname OPERATOR(pg_catalog.=) needed.name
            AND t.tgenabled OPERATOR(pg_catalog.=) ANY (needed.enabled)))
ORDER BY 1
