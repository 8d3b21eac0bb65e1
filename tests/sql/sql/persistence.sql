-- All tables that hold entries or tags are logged or unlogged together; what is configured stays logged.
CREATE VIEW tables AS
SELECT c.relname, c.relkind, c.relpersistence
FROM pg_class AS c
WHERE c.relkind <> 'v' AND c.oid IN (SELECT objid FROM pg_depend WHERE deptype = 'e' AND classid = 'pg_class'::regclass
                  AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'cache_pg'))
   OR c.oid IN (SELECT indexrelid FROM pg_index WHERE indrelid::regclass::text LIKE 'cache\_%');
SELECT cache_persistence();
SELECT relname, relpersistence FROM tables ORDER BY relname;
SELECT cache_set('kept:a', '1', '1 hour') IS NOT NULL, cache_set('kept:b', '2', '1 hour', '{t}') IS NOT NULL,
       cache_set('kept:c', '3', '1 hour', '{gone}') IS NOT NULL, cache_invalidate_tags('gone');

-- A change keeps the entries, and is undone by a rollback.
BEGIN;
SELECT cache_persistence('unlogged');
SELECT cache_get('kept:a'), cache_get('kept:b'), cache_get('kept:c');
SELECT cache_set('kept:a', '5') IS NOT NULL, cache_get('kept:a'), cache_persistence();
ROLLBACK;
SELECT cache_persistence(), cache_get('kept:a'), cache_get('kept:b'), cache_get('kept:c');
SELECT cache_persistence('unlogged');
SELECT relname, relpersistence FROM tables ORDER BY relname;
SELECT cache_get('kept:a'), cache_get('kept:b'), cache_get('kept:c');
SELECT cache_set('kept:a', '5') IS NOT NULL, cache_delete('kept:b'), cache_invalidate_tags('t'), cache_get('kept:a');

-- The same again rewrites nothing.
SELECT pg_relation_filenode('cache_entries') AS entries, pg_relation_filenode('cache_tags') AS tags \gset
SELECT cache_persistence('unlogged');
SELECT pg_relation_filenode('cache_entries') = :entries, pg_relation_filenode('cache_tags') = :tags;

-- Where somebody has altered one by hand it says so, and mends it.
ALTER TABLE cache_tags SET LOGGED;
SELECT cache_persistence();
SELECT cache_persistence('unlogged');
ALTER TABLE cache_tags SET LOGGED;
SELECT cache_persistence('logged');
SELECT relname, relpersistence FROM tables ORDER BY relname;
SELECT cache_get('kept:a'), cache_get('kept:b'), cache_get('kept:c');

BEGIN READ ONLY;
SELECT cache_persistence();
SELECT cache_persistence('unlogged');
ROLLBACK;

-- It belongs to the owner, who may grant it.
CREATE ROLE regress_persistence;
GRANT SELECT, INSERT, UPDATE, DELETE ON cache_entries TO regress_persistence;
SET ROLE regress_persistence;
SELECT cache_persistence();
SELECT cache_persistence('unlogged');
RESET ROLE;
GRANT EXECUTE ON FUNCTION cache_persistence TO regress_persistence;
SET ROLE regress_persistence;
SET search_path = pg_temp, public;
SELECT cache_persistence('unlogged');
SELECT cache_persistence('logged');
RESET ROLE;
RESET search_path;
REVOKE ALL ON cache_entries FROM regress_persistence;
REVOKE ALL ON FUNCTION cache_persistence FROM regress_persistence;
DROP ROLE regress_persistence;
DROP VIEW tables;
SELECT cache_clear('kept') > 0;
