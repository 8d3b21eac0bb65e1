-- Reading through the cache.
CREATE TABLE dish (id integer PRIMARY KEY, name text);
INSERT INTO dish VALUES (1, 'Cheeseburger'), (2, NULL);
SELECT cache_get_or_set('dish:1', 'SELECT to_jsonb(d) FROM dish AS d WHERE id = 1');
UPDATE dish SET name = 'Fries' WHERE id = 1;
SELECT cache_get_or_set('dish:1', 'SELECT to_jsonb(d) FROM dish AS d WHERE id = 1');
SELECT cache_delete('dish:1');
SELECT cache_get_or_set('dish:1', 'SELECT name FROM dish WHERE id = $1::integer;', '1 hour', ARRAY['menu'], ARRAY['1']);
SELECT value, tags, expires_at - updated_at AS ttl FROM cache_entry('dish:1');
-- No row, or NULL: nothing is stored. JSON null is a value.
SELECT cache_get_or_set('dish:2', 'SELECT name FROM dish WHERE id = 2') IS NULL AS none,
       cache_get_or_set('dish:3', 'SELECT name FROM dish WHERE id = 3') IS NULL AS none;
SELECT cache_exists('dish:2'), cache_exists('dish:3');
SELECT cache_get_or_set('dish:4', 'SELECT ''null''::jsonb');
SELECT cache_exists('dish:4');

-- In one transaction with the change: what the transaction sees, and gone with it.
BEGIN;
UPDATE dish SET name = 'Salad' WHERE id = 1;
SELECT cache_delete('dish:1');
SELECT cache_get_or_set('dish:1', 'SELECT name FROM dish WHERE id = 1');
ROLLBACK;
SELECT cache_get('dish:1');
BEGIN;
UPDATE dish SET name = 'Salad' WHERE id = 1;
SELECT cache_delete('dish:1');
SELECT cache_get_or_set('dish:1', 'SELECT name FROM dish WHERE id = 1');
COMMIT;
SELECT cache_get('dish:1');

-- A namespace may have a loader, which runs with its owner's rights.
CREATE FUNCTION load_dish(key text) RETURNS jsonb LANGUAGE sql STABLE
    RETURN (SELECT to_jsonb(name) FROM dish WHERE id = split_part(key, ':', 2)::integer);
SELECT cache_configure('dish', loader => 'load_dish(text)');
SELECT cache_clear('dish');
CREATE ROLE guest;
GRANT SELECT, INSERT, UPDATE ON cache_entries TO guest;
SET ROLE guest;
SELECT cache_get_or_set('dish:1');
SELECT cache_get('dish:1');
-- A query runs with the caller's.
SELECT cache_get_or_set('dish:2', 'SELECT to_jsonb(name) FROM dish WHERE id = 1');
RESET ROLE;
DROP OWNED BY guest;
DROP ROLE guest;

SELECT cache_unconfigure('dish');
DROP FUNCTION load_dish(text);
DROP TABLE dish;

-- A value that a policy hides is not returned, whoever stored it.
CREATE ROLE tenant;
GRANT SELECT, INSERT, UPDATE, DELETE ON cache_entries TO tenant;
BEGIN;
SELECT cache_set('menu:other', '"secret"') IS NOT NULL AS set;
ALTER TABLE cache_entries ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_entries ON cache_entries FOR ALL TO tenant USING (key LIKE '%:own') WITH CHECK (key LIKE '%:own');
SET LOCAL ROLE tenant;
SELECT cache_get_or_set('menu:other', 'SELECT ''computed''') AS other, cache_get_or_set('menu:own', 'SELECT ''mine''') AS own;
SELECT found, value, stale FROM cache_fetch('menu:other');
SELECT cache_get('menu:own');
ROLLBACK;
DROP OWNED BY tenant;
DROP ROLE tenant;

-- A loader runs with its owner's rights, so the caller's search path and temporary tables are nothing to it.
CREATE SCHEMA kitchen;
CREATE TABLE kitchen.dish (name text);
INSERT INTO kitchen.dish VALUES ('real');
CREATE FUNCTION kitchen.load(key text) RETURNS jsonb LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT to_jsonb(name) FROM dish); END';
SELECT cache_configure('kitchen', loader => 'kitchen.load(text)');
CREATE ROLE cook;
GRANT SELECT, INSERT, UPDATE ON cache_entries TO cook;
GRANT USAGE ON SCHEMA kitchen TO cook;
SET ROLE cook;
CREATE TEMPORARY TABLE dish AS SELECT 'planted' AS name;
SELECT cache_get_or_set('kitchen:1');
RESET ROLE;
SELECT cache_unconfigure('kitchen');
DROP TABLE pg_temp.dish;
DROP OWNED BY cook;
DROP ROLE cook;
DROP FUNCTION kitchen.load;
DROP TABLE kitchen.dish;
DROP SCHEMA kitchen;
