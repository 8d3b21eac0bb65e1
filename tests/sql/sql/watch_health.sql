-- What is not watched as it should be, cache_health says.
CREATE VIEW unwatched AS SELECT status, value FROM cache_health WHERE "check" = 'unwatched_tables';
CREATE TABLE tree (id integer, part text) PARTITION BY LIST (part);
CREATE TABLE tree_a PARTITION OF tree FOR VALUES IN ('a');
CREATE TABLE parent (id integer);
CREATE TABLE child () INHERITS (parent);
CREATE TABLE elsewhere (id integer);
SELECT * FROM unwatched;
SELECT cache_watch('tree', ARRAY['tree:{id}']), cache_watch('parent', ARRAY['parent:{id}']);
CREATE TABLE tree_b PARTITION OF tree FOR VALUES IN ('b') PARTITION BY LIST (part);
CREATE TEMPORARY TABLE fleeting () INHERITS (parent);
SELECT * FROM unwatched;

-- Tables that came below while the event trigger was off.
ALTER EVENT TRIGGER cache_pg_watch DISABLE;
CREATE TABLE tree_b1 PARTITION OF tree_b DEFAULT;
CREATE TABLE "Late" () INHERITS (child);
ALTER EVENT TRIGGER cache_pg_watch ENABLE ALWAYS;
SELECT * FROM unwatched;
SELECT cache_watch('tree', ARRAY['tree:{id}']), cache_watch('parent', ARRAY['parent:{id}']);
SELECT * FROM unwatched;

-- Triggers that were disabled, and those that were enabled for another role than they were made for.
ALTER TABLE tree_a DISABLE TRIGGER cache_pg_watch_insert;
SELECT * FROM unwatched;
ALTER TABLE tree_a ENABLE REPLICA TRIGGER cache_pg_watch_insert;
SELECT * FROM unwatched;
ALTER TABLE tree_a ENABLE ALWAYS TRIGGER cache_pg_watch_insert;
SELECT * FROM unwatched;
ALTER TABLE child DISABLE TRIGGER ALL;
ALTER TABLE child ENABLE TRIGGER ALL;
SELECT * FROM unwatched;
SELECT cache_watch('parent', ARRAY['parent:{id}']);
SELECT * FROM unwatched;
DROP TRIGGER cache_pg_watch_delete ON tree;
SELECT * FROM unwatched;
SELECT cache_unwatch('tree'), cache_unwatch('parent');
SELECT * FROM unwatched;
DROP VIEW unwatched;
DROP TABLE tree, "Late", fleeting, child, parent, elsewhere;
