-- $1 cache_entries: the tables with a foreign key on it; the column, if that is a text and refers to the key; the names of
-- both
SELECT c.conrelid, CASE
    WHEN c.confkey OPERATOR(pg_catalog.=) '{1}'::pg_catalog.int2[]
     AND a.atttypid OPERATOR(pg_catalog.=) ANY ('{25,1043}'::pg_catalog.oid[])
    THEN a.attnum::pg_catalog.int4 END, pg_catalog.format('%I of %I.%I', c.conname, n.nspname, r.relname)
FROM pg_catalog.pg_constraint AS c
JOIN pg_catalog.pg_class AS r ON r.oid OPERATOR(pg_catalog.=) c.conrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) r.relnamespace
LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid OPERATOR(pg_catalog.=) c.conrelid AND a.attnum OPERATOR(pg_catalog.=) c.conkey[1]
WHERE c.confrelid OPERATOR(pg_catalog.=) $1
  AND c.contype OPERATOR(pg_catalog.=) 'f'
  AND r.relkind OPERATOR(pg_catalog.=) 'r'
ORDER BY 3
