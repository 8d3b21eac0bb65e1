-- Watched trees: partitions and children, those to come as well, whichever table a statement names.
CREATE TABLE orders (id integer, region text, customer integer) PARTITION BY LIST (region);
CREATE TABLE orders_north PARTITION OF orders FOR VALUES IN ('n');
CREATE TABLE orders_rest (customer integer, region text, dropped text, id integer) PARTITION BY LIST (region);
ALTER TABLE orders_rest DROP COLUMN dropped;
CREATE TABLE orders_south PARTITION OF orders_rest FOR VALUES IN ('s');
ALTER TABLE orders ATTACH PARTITION orders_rest DEFAULT;
SELECT cache_watch('orders', ARRAY['order:{id}', 'of:{customer}']);
SELECT * FROM cache_watches;

CREATE VIEW gone AS SELECT key COLLATE "default" FROM cache_entries WHERE NOT cache_exists(key) ORDER BY cache_entries.key;
CREATE VIEW triggers AS
    SELECT tgrelid::regclass AS relation, count(*), count(*) FILTER (WHERE tgparentid <> 0) AS of_parent
    FROM pg_trigger WHERE tgname LIKE 'cache\_pg\_%' GROUP BY 1 ORDER BY tgrelid::regclass::text COLLATE "C";
SELECT * FROM triggers;

INSERT INTO orders VALUES (1, 'n', 11), (2, 's', 12);
SELECT * FROM gone;
INSERT INTO orders_north VALUES (3, 'n', 13);
SELECT * FROM gone;
DELETE FROM cache_entries;
-- From one partition to another.
UPDATE orders SET region = 's', customer = 14 WHERE id = 1;
SELECT * FROM gone;
DELETE FROM cache_entries;
UPDATE orders_south SET customer = 15 WHERE id = 2;
SELECT * FROM gone;
DELETE FROM cache_entries;
SELECT cache_set('order:1', '1') IS NOT NULL, cache_set('order:9', '1') IS NOT NULL;
TRUNCATE orders_north;
SELECT * FROM gone;

-- Partitions to come.
CREATE TABLE orders_east PARTITION OF orders FOR VALUES IN ('e');
CREATE SCHEMA more CREATE TABLE west PARTITION OF public.orders FOR VALUES IN ('w');
CREATE TABLE far (region text, id integer, customer integer) PARTITION BY LIST (region);
CREATE TABLE farther PARTITION OF far DEFAULT;
ALTER TABLE orders ATTACH PARTITION far FOR VALUES IN ('f', 'g');
SELECT * FROM triggers;
DELETE FROM cache_entries;
INSERT INTO orders_east VALUES (4, 'e', 16);
INSERT INTO more.west VALUES (5, 'w', 17);
INSERT INTO farther VALUES ('f', 6, 18);
INSERT INTO far VALUES ('g', 7, 19);
SELECT * FROM gone;

-- A partition that leaves goes on as a watched table of its own, and may come back.
ALTER TABLE orders DETACH PARTITION orders_east;
SELECT * FROM cache_watches ORDER BY source::text COLLATE "C";
ALTER TABLE orders ATTACH PARTITION orders_east FOR VALUES IN ('e');
SELECT * FROM cache_watches;
SELECT * FROM triggers WHERE relation = 'orders_east'::regclass;

-- What is watched with its parent is not watched by itself.
SELECT cache_watch('orders_south', ARRAY['south']);
SELECT cache_unwatch('farther');
CREATE TABLE alone (LIKE orders);
SELECT cache_watch('alone', ARRAY['alone:{id}']);
ALTER TABLE orders ATTACH PARTITION alone FOR VALUES IN ('a');
SELECT cache_unwatch('alone');
ALTER TABLE orders ATTACH PARTITION alone FOR VALUES IN ('a');
INSERT INTO alone VALUES (8, 'a', 20);
SELECT * FROM gone WHERE key ~ '8|20';

-- Columns are renamed and dropped through the parent.
ALTER TABLE orders RENAME COLUMN customer TO client;
ALTER TABLE orders DROP COLUMN customer;
ALTER TABLE orders ADD COLUMN note text;

-- For something else, and not at all.
SELECT cache_watch('orders', ARRAY['{id}']);
SELECT * FROM triggers;
SELECT * FROM cache_watches;
SELECT cache_unwatch('orders');
SELECT * FROM triggers;
CREATE TABLE orders_late PARTITION OF orders FOR VALUES IN ('l');
SELECT * FROM triggers;

-- One partition of a table that is not watched.
SELECT cache_watch('orders_south', ARRAY['south:{id}']);
ALTER TABLE orders RENAME COLUMN id TO number;
SELECT cache_watch('orders', ARRAY['{id}']);
SELECT cache_unwatch('orders_south');
DROP TABLE orders;
DROP SCHEMA more;

-- Inheritance.
CREATE TABLE animals (id integer, name text);
CREATE TABLE cats (lives integer) INHERITS (animals);
SELECT cache_watch('animals', ARRAY['animal:{name}']);
CREATE TABLE dogs (size integer) INHERITS (animals);
CREATE TABLE fish (LIKE animals);
ALTER TABLE fish INHERIT animals;
CREATE TEMPORARY TABLE dreams () INHERITS (animals);
SELECT * FROM triggers;
DELETE FROM cache_entries;
INSERT INTO cats VALUES (1, 'cat');
INSERT INTO dogs VALUES (2, 'dog');
INSERT INTO fish VALUES (3, 'fish');
UPDATE animals SET name = 'old ' || name;
SELECT * FROM gone;
DELETE FROM cache_entries;
UPDATE ONLY animals SET name = 'nobody';
UPDATE dogs SET name = 'hound';
SELECT * FROM gone;
CREATE TABLE things (id integer, name text);
SELECT cache_watch('things', ARRAY['thing:{name}']);
CREATE TABLE chimeras () INHERITS (animals, things);
DROP TABLE animals, things CASCADE;
SELECT * FROM triggers;

-- Changes of foreign tables cannot be seen.
CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
CREATE TABLE parts (id integer) PARTITION BY LIST (id);
CREATE FOREIGN TABLE part_1 PARTITION OF parts FOR VALUES IN (1) SERVER nowhere;
SELECT cache_watch('part_1', ARRAY['part:{id}']);
SELECT cache_watch('parts', ARRAY['part:{id}']);
DROP FOREIGN TABLE part_1;
SELECT cache_watch('parts', ARRAY['part:{id}']);
CREATE FOREIGN TABLE part_1 PARTITION OF parts FOR VALUES IN (1) SERVER nowhere;
DROP FOREIGN DATA WRAPPER nothing CASCADE;
DROP TABLE parts;
DROP VIEW gone, triggers;
