-- A column that a template names is taken away by no command, whatever its tag.
CREATE ROLE regress_owned;
CREATE SCHEMA kinds;
CREATE TYPE kinds.colour AS ENUM ('red');
CREATE DOMAIN kinds.code AS text;
CREATE FUNCTION kinds.doubled(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
CREATE COLLATION kinds.plain FROM "C";
CREATE TABLE kinds.row_type (a integer);
CREATE TABLE dishes (id integer, colour kinds.colour, code kinds.code, name text COLLATE kinds.plain, of kinds.row_type,
    twice integer GENERATED ALWAYS AS (kinds.doubled(id)) STORED, other kinds.colour, price integer);
CREATE TABLE more_dishes () INHERITS (dishes);
INSERT INTO dishes (id, colour, code, name) VALUES (1, 'red', 'c', 'n');
SELECT cache_watch('dishes', ARRAY['dish:{colour}', 'code:{code}', 'name:{name}', 'of:{of}', 'twice:{twice}', 'id:{id}']);
SET client_min_messages = warning;
DROP TYPE kinds.colour CASCADE;
DROP DOMAIN kinds.code CASCADE;
DROP FUNCTION kinds.doubled CASCADE;
DROP COLLATION kinds.plain CASCADE;
DROP TABLE kinds.row_type CASCADE;
DROP SCHEMA kinds CASCADE;
ALTER TYPE kinds.colour OWNER TO regress_owned;
DROP OWNED BY regress_owned CASCADE;
ALTER TYPE kinds.colour OWNER TO CURRENT_USER;
BEGIN;
ALTER EXTENSION plpgsql ADD TYPE kinds.colour;
DROP EXTENSION plpgsql CASCADE;
ROLLBACK;
ALTER VIEW dishes RENAME COLUMN id TO number;
ALTER MATERIALIZED VIEW dishes RENAME COLUMN id TO number;
ALTER FOREIGN TABLE dishes RENAME COLUMN id TO number;
ALTER INDEX dishes RENAME COLUMN id TO number;
ALTER VIEW dishes DROP COLUMN id;
ALTER TABLE dishes DROP COLUMN id CASCADE;
SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'more_dishes'::regclass AND attnum > 0;

-- Others may go, and what goes with its table.
ALTER VIEW dishes RENAME COLUMN price TO costs;
CREATE TYPE kinds.spare AS ENUM ('x');
ALTER TABLE dishes ADD COLUMN spare kinds.spare;
DROP TYPE kinds.spare CASCADE;
CREATE TABLE kinds.watched (id integer);
SELECT cache_watch('kinds.watched', ARRAY['gone:{id}']);
DROP TABLE kinds.watched;
CREATE TYPE kinds.late AS ENUM ('x');
CREATE TABLE late (id kinds.late);
SELECT cache_watch('late', ARRAY['late:{id}']);
BEGIN;
SELECT cache_unwatch('late');
DROP TYPE kinds.late CASCADE;
COMMIT;
\d late

-- The table of a type: what happens to its attributes happens to the columns.
CREATE TYPE kinds.pair AS (a integer, b text, c integer);
CREATE TABLE pairs OF kinds.pair;
SELECT cache_watch('pairs', ARRAY['pair:{a}:{b}']);
ALTER TYPE kinds.pair RENAME ATTRIBUTE a TO z CASCADE;
ALTER TYPE kinds.pair DROP ATTRIBUTE b CASCADE;
ALTER TYPE kinds.pair RENAME ATTRIBUTE c TO z CASCADE;
ALTER TYPE kinds.pair ADD ATTRIBUTE d integer CASCADE, ALTER ATTRIBUTE a TYPE bigint CASCADE;
\d pairs

-- Where that was got round, every change clears what it may have named.
CREATE VIEW gone AS SELECT key COLLATE "default" FROM cache_entries WHERE NOT cache_exists(key) ORDER BY cache_entries.key;
CREATE VIEW missing AS SELECT status, value, advice FROM cache_health WHERE "check" = 'missing_columns';
SELECT * FROM missing;
CREATE PROCEDURE fill() LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM cache_entries;
    PERFORM cache_set(key, '1') FROM unnest(ARRAY['dish:red', 'dish:x', 'code:c', 'code:d', 'id:1', 'id:2', 'other']) AS key;
    PERFORM cache_set('tagged', '1', tags => ARRAY['tag:1']);
END
$$;
ALTER EVENT TRIGGER cache_pg_watch DISABLE;
ALTER EVENT TRIGGER cache_pg_watch_drop DISABLE;
DROP TYPE kinds.colour CASCADE;
ALTER TABLE dishes RENAME COLUMN code TO "Code";
ALTER EVENT TRIGGER cache_pg_watch ENABLE ALWAYS;
ALTER EVENT TRIGGER cache_pg_watch_drop ENABLE ALWAYS;
CALL fill();
UPDATE dishes SET costs = 2 WHERE id = 1;
SELECT string_agg(key, ' ') FROM gone;
CALL fill();
INSERT INTO more_dishes (id) VALUES (2);
SELECT string_agg(key, ' ') FROM gone;
CALL fill();
UPDATE dishes SET costs = 3 WHERE false;
SELECT string_agg(key, ' ') FROM gone;
CALL fill();
SET session_replication_role = replica;
DELETE FROM dishes WHERE id = 1;
RESET session_replication_role;
SELECT string_agg(key, ' ') FROM gone;
SELECT * FROM missing;
-- It is refused to go on so.
ALTER TABLE dishes ADD COLUMN further integer;
BEGIN;
SELECT cache_unwatch('dishes');
ALTER TABLE dishes ADD COLUMN tag integer;
SELECT cache_watch('dishes', ARRAY['id:{id}'], ARRAY['tag:{tag}']);
COMMIT;
SELECT * FROM missing;
-- A tag, too: it may have been any.
ALTER EVENT TRIGGER cache_pg_watch DISABLE;
ALTER TABLE dishes RENAME COLUMN tag TO label;
ALTER EVENT TRIGGER cache_pg_watch ENABLE ALWAYS;
CALL fill();
INSERT INTO dishes (id) VALUES (3);
SELECT count(*) FROM gone;
SELECT * FROM missing;
DROP VIEW gone, missing;
DROP PROCEDURE fill;
DROP TABLE dishes, more_dishes, late, pairs;
DROP SCHEMA kinds CASCADE;
DROP ROLE regress_owned;
RESET client_min_messages;
