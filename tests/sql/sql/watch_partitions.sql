-- Partitions of a watched table, made by its owner, who has no right to the trigger function.
CREATE ROLE regress_grower;
CREATE ROLE regress_other;
CREATE SCHEMA grown AUTHORIZATION regress_grower;
SET ROLE regress_grower;
CREATE TABLE grown.by_admin (id integer, part text) PARTITION BY LIST (part);
CREATE TABLE grown.by_admin_a PARTITION OF grown.by_admin FOR VALUES IN ('a');
CREATE TABLE grown.by_owner (id integer, part text) PARTITION BY LIST (part);
RESET ROLE;
SELECT cache_watch('grown.by_admin', ARRAY['admin:{id}']);
GRANT EXECUTE ON FUNCTION cache_watch TO regress_grower;
SET ROLE regress_grower;
SELECT cache_watch('grown.by_owner', ARRAY['owner:{id}']);
RESET ROLE;
REVOKE EXECUTE ON FUNCTION cache_watch FROM regress_grower;
SELECT has_function_privilege('regress_grower', 'cache_watch_trigger()', 'EXECUTE');

SET ROLE regress_grower;
CREATE TABLE grown.by_admin_b PARTITION OF grown.by_admin FOR VALUES IN ('b');
CREATE TABLE grown.by_admin_c (part text, id integer);
ALTER TABLE grown.by_admin ATTACH PARTITION grown.by_admin_c FOR VALUES IN ('c');
CREATE TABLE grown.by_admin_d PARTITION OF grown.by_admin FOR VALUES IN ('d', 'e') PARTITION BY LIST (part);
CREATE TABLE grown.by_admin_d1 PARTITION OF grown.by_admin_d FOR VALUES IN ('d');
CREATE TABLE grown.by_admin_e (id integer, part text) PARTITION BY LIST (part);
CREATE TABLE grown.by_admin_e1 PARTITION OF grown.by_admin_e FOR VALUES IN ('e');
ALTER TABLE grown.by_admin_d ATTACH PARTITION grown.by_admin_e FOR VALUES IN ('e');
CREATE TABLE grown.by_owner_a PARTITION OF grown.by_owner FOR VALUES IN ('a');
CREATE TABLE grown.by_owner_b (LIKE grown.by_owner INCLUDING ALL);
ALTER TABLE grown.by_owner ATTACH PARTITION grown.by_owner_b FOR VALUES IN ('b');
ALTER TABLE grown.by_owner DETACH PARTITION grown.by_owner_b;
ALTER TABLE grown.by_owner ATTACH PARTITION grown.by_owner_b FOR VALUES IN ('b');
ALTER TABLE grown.by_admin DETACH PARTITION grown.by_admin_a;
ALTER TABLE grown.by_admin DETACH PARTITION grown.by_admin_b CONCURRENTLY;
ALTER TABLE grown.by_admin DETACH PARTITION grown.by_admin_d;
RESET ROLE;
SELECT tgrelid::regclass AS relation, count(*) FILTER (WHERE tgtype & 1 = 0) AS of_statements,
       count(*) FILTER (WHERE tgtype & 1 = 1) AS of_rows, bool_or(tgparentid <> 0) AS from_above
FROM pg_trigger WHERE tgname LIKE 'cache\_pg\_%' GROUP BY 1 ORDER BY tgrelid::regclass::text COLLATE "C";

-- What is there, what is new, and what was detached are watched, by statements and by what is applied.
CREATE VIEW gone AS SELECT key COLLATE "default" FROM cache_entries WHERE NOT cache_exists(key) ORDER BY cache_entries.key;
CREATE PROCEDURE change() LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM cache_entries;
    INSERT INTO grown.by_admin VALUES (1, 'c');
    INSERT INTO grown.by_admin_c (id, part) VALUES (2, 'c');
    INSERT INTO grown.by_admin_a VALUES (3, 'a');
    INSERT INTO grown.by_admin_b VALUES (4, 'b');
    INSERT INTO grown.by_admin_d VALUES (5, 'd'), (6, 'e');
    INSERT INTO grown.by_admin_d1 VALUES (7, 'd');
    INSERT INTO grown.by_admin_e1 VALUES (8, 'e');
    INSERT INTO grown.by_owner VALUES (1, 'a'), (2, 'b');
    INSERT INTO grown.by_owner_b VALUES (3, 'b');
END
$$;
CALL change();
SELECT string_agg(key, ' ') FROM gone;
SET session_replication_role = replica;
CALL change();
SELECT string_agg(key, ' ') FROM gone;
DELETE FROM cache_entries;
UPDATE grown.by_owner SET part = 'b', id = 9 WHERE id = 1;
UPDATE grown.by_admin_b SET id = 10;
DELETE FROM grown.by_admin_d;
SELECT string_agg(key, ' ') FROM gone;
DELETE FROM cache_entries;
SELECT cache_set('admin:1', '1') IS NOT NULL;
TRUNCATE grown.by_admin_a;
SELECT string_agg(key, ' ') FROM gone;

-- Under this role, too, a partition is watched from the beginning.
CREATE TABLE grown.by_owner_c PARTITION OF grown.by_owner FOR VALUES IN ('c');
RESET session_replication_role;
INSERT INTO grown.by_owner_c VALUES (11, 'c');
SELECT string_agg(key, ' ') FROM gone WHERE key LIKE 'owner:%';
DROP TABLE grown.by_owner_c;

-- Each that was detached is watched by itself, and no more where its owner says so.
SELECT source FROM cache_watches ORDER BY source::text COLLATE "C";
GRANT EXECUTE ON FUNCTION cache_unwatch TO regress_grower;
SET ROLE regress_grower;
SELECT cache_unwatch('grown.by_admin_a'), cache_unwatch('grown.by_admin_b'), cache_unwatch('grown.by_admin_d');
SELECT cache_unwatch('grown.by_admin'), cache_unwatch('grown.by_owner');
RESET ROLE;
REVOKE EXECUTE ON FUNCTION cache_unwatch FROM regress_grower;
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'cache\_pg\_%';

-- It lends nobody a right: the function is still nobody's to make triggers with, and a table of somebody else's is not
-- put below a watched one.
SELECT cache_watch('grown.by_admin', ARRAY['admin:{id}']);
SET ROLE regress_grower;
CREATE TABLE grown.mine (id integer);
CREATE TRIGGER mine AFTER INSERT ON grown.mine EXECUTE FUNCTION cache_watch_trigger('{"keys":["any"],"tags":[]}');
RESET ROLE;
CREATE TABLE grown.strange (id integer, part text);
ALTER TABLE grown.strange OWNER TO regress_other;
SET ROLE regress_grower;
ALTER TABLE grown.by_admin ATTACH PARTITION grown.strange FOR VALUES IN ('s');
RESET ROLE;
DROP VIEW gone;
DROP PROCEDURE change;
\set VERBOSITY terse
DROP SCHEMA grown CASCADE;
\set VERBOSITY default
DROP ROLE regress_grower, regress_other;
