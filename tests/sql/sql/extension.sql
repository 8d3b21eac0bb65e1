-- In a schema of its own, renamed, dropped and made again within one session.
DROP EXTENSION cache_pg;
\set VERBOSITY terse
SELECT cache_get('a');
\set VERBOSITY default
CREATE SCHEMA cache;
CREATE EXTENSION cache_pg SCHEMA cache;
SELECT cache.cache_set('ext:a', '1') IS NOT NULL;
SELECT cache.cache_get('ext:a');
ALTER SCHEMA cache RENAME TO "Cache 2";
SELECT "Cache 2".cache_set('ext:a', '2') IS NOT NULL;
SELECT "Cache 2".cache_get('ext:a'), "Cache 2".cache_delete('ext:a');
ALTER EXTENSION cache_pg SET SCHEMA public;
DROP EXTENSION cache_pg;
DROP SCHEMA "Cache 2";
CREATE EXTENSION cache_pg;
SELECT cache_get('ext:a') AS gone;
SELECT cache_set('ext:a', '3') IS NOT NULL;
SELECT cache_get('ext:a');

-- Keys are UTF-8, and so must be the database.
CREATE DATABASE regress_latin1 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
\c regress_latin1
\set SHOW_CONTEXT never
CREATE EXTENSION cache_pg;
\c regress_sql
DROP DATABASE regress_latin1;
