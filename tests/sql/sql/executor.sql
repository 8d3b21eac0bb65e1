-- The same answers through the executor as through the index: a trigger on the table, even one that never fires,
-- makes every function take that way.
CREATE FUNCTION idle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER idle AFTER TRUNCATE ON cache_entries FOR EACH STATEMENT EXECUTE FUNCTION idle();
SELECT cache_clear() >= 0;
\getenv dir PG_ABS_SRCDIR
\set file :dir '/sql/read.sql'
\i :file
\set file :dir '/sql/keys.sql'
\i :file
\set file :dir '/sql/write.sql'
\i :file
\set file :dir '/sql/counter.sql'
\i :file
\set file :dir '/sql/delete.sql'
\i :file
\set file :dir '/sql/fetch.sql'
\i :file
\set file :dir '/sql/tags.sql'
\i :file
\set file :dir '/sql/get_or_set.sql'
\i :file
DROP TRIGGER idle ON cache_entries;
DROP FUNCTION idle;
