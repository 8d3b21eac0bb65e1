-- $1 the trigger function: every watched table, its tgargs, and its columns as JSON: the type of each, 0 where triggers do
-- not get its value
SELECT DISTINCT pg_catalog.format('%I.%I', n.nspname, c.relname) COLLATE pg_catalog."C", t.tgargs, (
           SELECT pg_catalog.json_object_agg(
                      a.attname,
                      CASE WHEN a.attgenerated OPERATOR(pg_catalog.=) 'v' THEN 0 ELSE a.atttypid::pg_catalog.int8 END)
           FROM pg_catalog.pg_attribute AS a
           WHERE a.attrelid OPERATOR(pg_catalog.=) t.tgrelid
             AND a.attnum OPERATOR(pg_catalog.>) 0::pg_catalog.int2
             AND NOT a.attisdropped)::pg_catalog.text
FROM pg_catalog.pg_trigger AS t
JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) t.tgrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
WHERE t.tgfoid OPERATOR(pg_catalog.=) $1 AND t.tgparentid OPERATOR(pg_catalog.=) 0::pg_catalog.oid
ORDER BY 1
