-- The tables of the extension in this database, as CREATE EXTENSION made them; no row if it is not installed.
WITH all_members (class, object) AS (
    SELECT d.classid, d.objid
    FROM pg_catalog.pg_depend AS d
    JOIN pg_catalog.pg_extension AS e ON e.oid OPERATOR(pg_catalog.=) d.refobjid
    WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
      AND d.deptype OPERATOR(pg_catalog.=) 'e'::pg_catalog."char"
      AND e.extname OPERATOR(pg_catalog.=) 'cache_pg'
), members (relation) AS (
    SELECT object FROM all_members WHERE class OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
)
SELECT pg_catalog.quote_ident(n.nspname),
       entries.oid,
       entries.relowner,
       -- Whether there are rules or foreign triggers. Ours are the one after each row that counts, and the one before each row
       -- that ignores logical replication.
       EXISTS (SELECT FROM pg_catalog.pg_rewrite AS r WHERE r.ev_class OPERATOR(pg_catalog.=) entries.oid) OR EXISTS (
           SELECT FROM pg_catalog.pg_trigger AS t
           WHERE t.tgrelid OPERATOR(pg_catalog.=) entries.oid
             AND NOT (
                 t.tgqual IS NULL
                 AND EXISTS (
                     SELECT FROM all_members AS m
                     JOIN pg_catalog.pg_proc AS p ON p.oid OPERATOR(pg_catalog.=) m.object
                     WHERE m.class OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
                       AND m.object OPERATOR(pg_catalog.=) t.tgfoid
                       AND (p.prosrc OPERATOR(pg_catalog.=) 'cache_entries_changed_wrapper'
                            AND t.tgtype OPERATOR(pg_catalog.&) 67::pg_catalog.int2 OPERATOR(pg_catalog.=) 1::pg_catalog.int2
                         OR p.prosrc OPERATOR(pg_catalog.=) 'cache_applied_ignored_wrapper'
                            AND t.tgtype OPERATOR(pg_catalog.&) 67::pg_catalog.int2 OPERATOR(pg_catalog.=) 3::pg_catalog.int2)))),
       namespaces.oid,
       namespaces.relowner,
       tags.oid,
       -- A heap with no more columns than those of tables.sql.
       entries.relam OPERATOR(pg_catalog.=) 2 AND entries.relnatts OPERATOR(pg_catalog.=) 13,
       -- Neither an index nor a constraint beside the primary key and the checks of tables.sql.
       1 OPERATOR(pg_catalog.=) (
           SELECT pg_catalog.count(*) FROM pg_catalog.pg_index AS i WHERE i.indrelid OPERATOR(pg_catalog.=) entries.oid)
           AND NOT entries.relispartition AND NOT entries.relhassubclass
           AND NOT EXISTS (
               SELECT FROM pg_catalog.pg_constraint AS c
               WHERE c.conrelid OPERATOR(pg_catalog.=) entries.oid
                 AND c.contype OPERATOR(pg_catalog.<>) ALL ('{p,n}'::pg_catalog."char"[])
                 AND c.conname OPERATOR(pg_catalog.<>) ALL (
                     '{cache_entries_key_check,cache_entries_load_us_check,cache_entries_lease_check,cache_entries_bytes_check,cache_entries_tags_check}'::pg_catalog.name[]))
           -- Those after the fifth may be NULL.
           AND NOT EXISTS (
               SELECT FROM pg_catalog.pg_attribute AS a
               WHERE a.attrelid OPERATOR(pg_catalog.=) entries.oid AND a.attnotnull
                 AND a.attnum OPERATOR(pg_catalog.>) 5::pg_catalog.int2),
       entries.relpersistence OPERATOR(pg_catalog.=) 'u' OR tags.relpersistence OPERATOR(pg_catalog.=) 'u',
       entries.relrowsecurity,
       -- A heap: with its first columns as they were made, enough to remove rows.
       entries.relam OPERATOR(pg_catalog.=) 2,
       EXISTS (
           SELECT FROM pg_catalog.pg_constraint AS c
           WHERE c.confrelid OPERATOR(pg_catalog.=) entries.oid AND c.contype OPERATOR(pg_catalog.=) 'f'),
       -- A primary key on key alone, by which rows are found and kept apart.
       EXISTS (
           SELECT FROM pg_catalog.pg_index AS i
           WHERE i.indrelid OPERATOR(pg_catalog.=) entries.oid AND i.indisprimary AND i.indisvalid AND i.indimmediate
             AND i.indnatts OPERATOR(pg_catalog.=) 1 AND i.indkey[0] OPERATOR(pg_catalog.=) 1),
       -- By the first column of one of them rows of tags are found, and all can be kept up: Table::by_first_column.
       (SELECT coalesce(pg_catalog.bool_and(of_tags.is_plain) AND pg_catalog.bool_or(of_tags.finds_texts), false)
        FROM (SELECT c.relam OPERATOR(pg_catalog.=) 403 AND NOT i.indisunique AND i.indexprs IS NULL AND i.indpred IS NULL,
                     i.indisvalid AND i.indkey[0] OPERATOR(pg_catalog.=) 1
                         AND i.indcollation[0] OPERATOR(pg_catalog.=) 950 AND o.opcfamily OPERATOR(pg_catalog.=) 1994
              FROM pg_catalog.pg_index AS i
              JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) i.indexrelid
              JOIN pg_catalog.pg_opclass AS o ON o.oid OPERATOR(pg_catalog.=) i.indclass[0]
              WHERE i.indrelid OPERATOR(pg_catalog.=) tags.oid AND i.indislive) AS of_tags (is_plain, finds_texts)),
       e.extversion
FROM pg_catalog.pg_extension AS e
JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) e.extnamespace
JOIN pg_catalog.pg_class AS entries
  ON entries.relnamespace OPERATOR(pg_catalog.=) e.extnamespace
 AND entries.relname OPERATOR(pg_catalog.=) 'cache_entries'
 AND EXISTS (SELECT FROM members WHERE relation OPERATOR(pg_catalog.=) entries.oid)
JOIN pg_catalog.pg_class AS namespaces
  ON namespaces.relnamespace OPERATOR(pg_catalog.=) e.extnamespace
 AND namespaces.relname OPERATOR(pg_catalog.=) 'cache_namespaces'
 AND EXISTS (SELECT FROM members WHERE relation OPERATOR(pg_catalog.=) namespaces.oid)
JOIN pg_catalog.pg_class AS tags
  ON tags.relnamespace OPERATOR(pg_catalog.=) e.extnamespace
 AND tags.relname OPERATOR(pg_catalog.=) 'cache_tags'
 AND EXISTS (SELECT FROM members WHERE relation OPERATOR(pg_catalog.=) tags.oid)
WHERE e.extname OPERATOR(pg_catalog.=) 'cache_pg'
