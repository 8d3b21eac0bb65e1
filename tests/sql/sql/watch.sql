-- Watched tables: whatever changes a row deletes the keys and invalidates the tags of the old and the new row.
CREATE TABLE dishes (id integer PRIMARY KEY, slug text, restaurant integer, price numeric DEFAULT 1);
INSERT INTO dishes SELECT i, 'dish-' || i, i % 3 FROM generate_series(1, 12) AS i;
SELECT cache_watch('dishes', ARRAY['dish:{id}', 'slug:{restaurant}:{slug}', 'dishes'], ARRAY['r:{restaurant}']);
SELECT * FROM cache_watches;
\d dishes

-- Fills the cache with what every row could have named, and says after a statement what of it is gone.
CREATE PROCEDURE fill() LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM cache_entries;
    PERFORM cache_set(key, '1') FROM unnest(ARRAY['dishes', 'dish', 'dish:', 'dish:99', 'slug:', 'slug:0:dish-99', 'other']) AS key;
    PERFORM cache_set('dish:' || i, '1'), cache_set('slug:' || i % 3 || ':dish-' || i, '1') FROM generate_series(1, 16) AS i;
    PERFORM cache_set('tagged:' || r, '1', tags => ARRAY['r:' || r]) FROM generate_series(0, 4) AS r;
END
$$;
CREATE VIEW gone AS SELECT key COLLATE "default" FROM cache_entries WHERE NOT cache_exists(key) ORDER BY cache_entries.key;

CALL fill();
UPDATE dishes SET price = 2 WHERE id = 1;
SELECT * FROM gone;
CALL fill();
UPDATE dishes SET slug = 'dish-99', restaurant = 0 WHERE id = 2;
SELECT * FROM gone;
CALL fill();
UPDATE dishes SET price = 3 WHERE false;
DELETE FROM dishes WHERE false;
SELECT * FROM gone;
CALL fill();
INSERT INTO dishes VALUES (13, 'dish-13', 1), (14, 'dish-14', 4);
SELECT * FROM gone;
CALL fill();
INSERT INTO dishes VALUES (14, 'dish-14', 1), (15, 'dish-15', 1) ON CONFLICT (id) DO UPDATE SET restaurant = 2;
SELECT * FROM gone;
CALL fill();
MERGE INTO dishes USING (VALUES (14), (15), (16)) AS source (wanted) ON wanted = id
    WHEN MATCHED AND id = 14 THEN DELETE
    WHEN MATCHED THEN UPDATE SET restaurant = 3
    WHEN NOT MATCHED THEN INSERT VALUES (wanted, 'dish-16', 1);
SELECT * FROM gone;
CALL fill();
COPY dishes (id, slug, restaurant) FROM stdin;
14	dish-14	0
\.
SELECT * FROM gone;
CALL fill();
DELETE FROM dishes WHERE id > 13;
SELECT * FROM gone;
CALL fill();
WITH moved AS (UPDATE dishes SET id = 98 WHERE id = 12 RETURNING id) INSERT INTO dishes SELECT id + 1 FROM moved;
SELECT * FROM gone;

-- It belongs to the transaction, and to the savepoint.
CALL fill();
BEGIN;
SAVEPOINT s;
UPDATE dishes SET price = 4 WHERE id = 1;
SELECT cache_get('dish:1') IS NULL AS gone;
ROLLBACK TO s;
UPDATE dishes SET price = 4 WHERE id = 3;
COMMIT;
SELECT * FROM gone;

-- However often a transaction does it, it does it once: but for what it has stored itself in between, and what it took back.
CALL fill();
BEGIN;
UPDATE dishes SET price = 5 WHERE id = 1;
SELECT e.ctid AS entry, t.ctid AS tag FROM cache_entries AS e, cache_tags AS t WHERE key = 'dishes' AND tag = 'r:1' \gset
UPDATE dishes SET price = 6 WHERE id = 1;
SELECT e.ctid = :'entry' AND t.ctid = :'tag' AS once FROM cache_entries AS e, cache_tags AS t WHERE key = 'dishes' AND tag = 'r:1';
SELECT cache_set('dishes', '2') IS NOT NULL AND cache_set('tagged:1', '2', tags => ARRAY['r:1']) IS NOT NULL AS set;
UPDATE dishes SET price = 7 WHERE id = 1;
SELECT cache_exists('dishes'), cache_exists('tagged:1');
COMMIT;
SELECT * FROM gone;
CALL fill();
BEGIN;
SAVEPOINT s;
UPDATE dishes SET price = 8 WHERE id = 1;
ROLLBACK TO s;
UPDATE dishes SET price = 9 WHERE id = 1;
COMMIT;
SELECT * FROM gone;

-- TRUNCATE: what begins as a template does, and everything that some row may have been tagged with.
CALL fill();
TRUNCATE dishes;
SELECT count(*) FROM gone;
SELECT cache_watch('dishes', ARRAY['dish:{id}', 'dishes'], ARRAY['tag']);
CALL fill();
SELECT cache_set('tagged', '1', tags => ARRAY['tag']) IS NOT NULL;
TRUNCATE dishes;
SELECT * FROM gone;
SELECT cache_watch('dishes', ARRAY['dishes', '{slug}']);
CALL fill();
TRUNCATE dishes;
SELECT count(*) FROM gone;

-- The last call counts.
SELECT cache_watch('dishes', ARRAY['dishes']);
CALL fill();
INSERT INTO dishes VALUES (1, 'dish-1', 1);
SELECT * FROM gone;
SELECT cache_unwatch('dishes'), cache_unwatch('dishes');
CALL fill();
UPDATE dishes SET price = 5;
SELECT * FROM gone;
SELECT * FROM cache_watches;
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'dishes'::regclass;

-- A foreign key's action is a change of the table that it acts on.
CREATE TABLE restaurants (id integer PRIMARY KEY);
INSERT INTO restaurants VALUES (1), (2);
ALTER TABLE dishes ADD FOREIGN KEY (restaurant) REFERENCES restaurants ON DELETE CASCADE ON UPDATE CASCADE;
SELECT cache_watch('dishes', ARRAY['dish:{id}'], ARRAY['r:{restaurant}']);
CALL fill();
UPDATE restaurants SET id = 3 WHERE id = 1;
SELECT * FROM gone;
CALL fill();
DELETE FROM restaurants WHERE id = 3;
SELECT * FROM gone;
CALL fill();
TRUNCATE restaurants CASCADE;
SELECT count(*) FROM gone;

-- A key is made of a value as of value::text, the same in every session; a NULL makes none; what no key could be, none.
CREATE DOMAIN flag AS boolean;
CREATE TYPE size AS ENUM ('small', 'large');
CREATE TABLE kinds (n integer, f flag, c char(5), d date, t timestamptz, i interval, x float8, b bytea, u uuid,
                    s size, a integer[], ip inet, j jsonb, "Odd {name" text, "Odd name" text);
SELECT cache_watch('kinds', ARRAY['k:{f}', 'k:{c}', 'k:{d}', 'k:{t}', 'k:{i}', 'k:{x}', 'k:{b}', 'k:{u}', 'k:{s}', 'k:{a}',
                                  'k:{ip}', 'k:{j}', 'k:{Odd name}', 'k:{n}', '{Odd name}{{{n}}}']);
DELETE FROM cache_entries;
SET DateStyle = 'German';
SET TimeZone = 'Asia/Tokyo';
SET IntervalStyle = 'iso_8601';
SET extra_float_digits = -10;
SET bytea_output = 'escape';
INSERT INTO kinds VALUES (NULL, true, 'ab', '2026-03-01', '2026-03-01 12:00+00', '1 day 2 hours', 0.1::float8 + 0.2, '\x6162',
    'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 'large', '{1,NULL,3}', '10.0.0.1', '{"b":1, "a":2}', 'x', 'odd'),
    (1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, ''),
    (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '"two\\nlines"', NULL, E'a\nb'),
    (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, repeat('x', 600));
SHOW DateStyle;
RESET DateStyle;
RESET TimeZone;
RESET IntervalStyle;
RESET extra_float_digits;
RESET bytea_output;
SELECT * FROM gone;
SELECT 'k:' || text AS missed
FROM kinds, unnest(ARRAY[f::text, c::text, s::text, a::text, u::text, ip::text, j::text, n::text]) AS text
WHERE text IS NOT NULL
EXCEPT SELECT key FROM gone;

-- More rows than are sorted in memory.
CREATE TABLE many AS SELECT i AS id, i % 7 AS part FROM generate_series(1, 5000) AS i;
SELECT cache_watch('many', ARRAY['many:{id}', 'part:{part}']);
DELETE FROM cache_entries;
SET work_mem = '64kB';
UPDATE many SET id = -id WHERE id > 100;
RESET work_mem;
SELECT split_part(key, ':', 1) AS of, count(*) FROM gone GROUP BY 1 ORDER BY 1;
DROP TABLE many;

-- What is refused.
SELECT cache_watch(NULL, ARRAY['a']);
SELECT cache_unwatch(NULL);
SELECT cache_watch('kinds');
SELECT cache_watch('kinds', ARRAY[]::text[], NULL);
SELECT cache_watch('kinds', ARRAY['a', NULL]);
SELECT cache_watch('kinds', ARRAY['a:{f']);
SELECT cache_watch('kinds', ARRAY['a:f}']);
SELECT cache_watch('kinds', tags => ARRAY['a:{}']);
SELECT cache_watch('kinds', ARRAY[' {f}']);
SELECT cache_watch('kinds', ARRAY['a:{F}']);
SELECT cache_watch('kinds', ARRAY['a:{ctid}']);
SELECT cache_watch('gone', ARRAY['a']);
SELECT cache_watch('pg_class', ARRAY['a']);
SELECT cache_watch('cache_entries', ARRAY['a']);
SELECT cache_watch('cache_namespaces', ARRAY['a']);
CREATE TEMPORARY TABLE fleeting (a integer);
SELECT cache_watch('fleeting', ARRAY['a']);
CREATE TRIGGER mine AFTER INSERT ON dishes EXECUTE FUNCTION cache_watch_trigger();
INSERT INTO dishes VALUES (20, 'x', NULL);
CREATE OR REPLACE TRIGGER mine AFTER INSERT ON dishes EXECUTE FUNCTION cache_watch_trigger('{"keys": ["a"], "tags": []}');
INSERT INTO dishes VALUES (20, 'x', NULL);
DROP TRIGGER mine ON dishes;

-- A column that a template names stays as it is; others may change.
ALTER TABLE dishes RENAME COLUMN id TO number;
ALTER TABLE dishes DROP COLUMN id;
ALTER TABLE dishes RENAME COLUMN price TO costs;
ALTER TABLE dishes ADD COLUMN hot boolean DEFAULT true, ALTER COLUMN id TYPE bigint;
ALTER TABLE dishes RENAME TO meals;
-- Where that was got round, the next statement succeeds, and clears what it may have named.
CALL fill();
ALTER EVENT TRIGGER cache_pg_watch DISABLE;
BEGIN;
ALTER TABLE meals RENAME COLUMN id TO number;
INSERT INTO meals (number, slug) VALUES (99, 'x');
SELECT count(*), count(*) FILTER (WHERE key LIKE 'dish:%') AS dishes FROM gone;
ROLLBACK;
ALTER EVENT TRIGGER cache_pg_watch ENABLE ALWAYS;
BEGIN;
SELECT cache_unwatch('meals');
ALTER TABLE meals RENAME COLUMN id TO number;
SELECT cache_watch('meals', ARRAY['dish:{number}']);
COMMIT;
CALL fill();
INSERT INTO meals VALUES (20, 'x', NULL);
SELECT * FROM gone;

-- Who writes the table needs no privilege on the cache; who watches it must own it.
CREATE ROLE regress_cook;
CREATE ROLE regress_chef;
GRANT INSERT, SELECT, DELETE ON meals TO regress_cook;
CALL fill();
SELECT cache_set('dish:21', '1') IS NOT NULL;
ALTER TABLE cache_entries ENABLE ROW LEVEL SECURITY;
SET ROLE regress_cook;
INSERT INTO meals VALUES (21, 'x', NULL);
SELECT cache_watch('meals', ARRAY['mine']);
SELECT cache_unwatch('meals');
SELECT * FROM cache_watches;
RESET ROLE;
SELECT * FROM gone;
ALTER TABLE cache_entries DISABLE ROW LEVEL SECURITY;
GRANT EXECUTE ON FUNCTION cache_watch, cache_unwatch TO regress_cook, regress_chef;
ALTER TABLE meals OWNER TO regress_chef;
SET ROLE regress_cook;
SELECT cache_watch('meals', ARRAY['mine']);
SELECT cache_unwatch('meals');
SET ROLE regress_chef;
SELECT cache_watch('meals', ARRAY['dish:{number}', 'chef']);
RESET ROLE;
SELECT * FROM cache_watches;

-- A trigger on cache_entries does not run for what a watched table invalidates, below the executor or through it: it
-- would run with the rights of everybody who changes the table.
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''ran as %'', current_user; END';
CREATE TRIGGER note BEFORE INSERT OR UPDATE ON cache_entries FOR EACH ROW EXECUTE FUNCTION note();
INSERT INTO meals VALUES (22);
DELETE FROM meals WHERE number = 22;
SET ROLE regress_cook;
DELETE FROM meals WHERE number = 21;
RESET ROLE;
CREATE INDEX another ON cache_entries (expires_at);
INSERT INTO meals VALUES (23);
DELETE FROM meals WHERE number = 23;
TRUNCATE meals;
DROP INDEX another;
SHOW session_replication_role;
SELECT cache_set('noted', '1');
DROP TRIGGER note ON cache_entries;
DROP FUNCTION note;
REVOKE ALL ON FUNCTION cache_watch, cache_unwatch FROM regress_cook, regress_chef;

-- A dropped table leaves nothing behind. The extension is not dropped under a watched table, except on request.
DROP TABLE meals;
DROP ROLE regress_cook, regress_chef;
SELECT source FROM cache_watches;
\set VERBOSITY terse
DROP EXTENSION cache_pg;
DROP EXTENSION cache_pg CASCADE;
\set VERBOSITY default
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'kinds'::regclass;

-- In a schema of any name, and of another one later.
CREATE SCHEMA cache;
CREATE EXTENSION cache_pg SCHEMA cache;
SELECT cache.cache_watch('kinds', ARRAY['k:{n}']);
ALTER SCHEMA cache RENAME TO "it's a ""cache""";
SELECT "it's a ""cache""".cache_set('k:7', '1') IS NOT NULL, "it's a ""cache""".cache_set('k:8', '1') IS NOT NULL;
INSERT INTO kinds (n) VALUES (7);
CREATE TABLE more_kinds () INHERITS (kinds);
INSERT INTO more_kinds (n) VALUES (8);
SELECT "it's a ""cache""".cache_exists('k:7'), "it's a ""cache""".cache_exists('k:8');
SELECT * FROM "it's a ""cache""".cache_watches;
SELECT "it's a ""cache""".cache_watch('kinds', ARRAY['kinds:{n}']);
SELECT "it's a ""cache""".cache_unwatch('kinds');
DROP EXTENSION cache_pg;
DROP SCHEMA "it's a ""cache""";
CREATE EXTENSION cache_pg;
DROP TABLE more_kinds, kinds, restaurants;
DROP TYPE size;
DROP DOMAIN flag;
DROP PROCEDURE fill;
