-- The query of cache_get_or_set is one statement by itself: what is no query of one column is refused before it runs.
CREATE FUNCTION tried(query text, args text[] DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    code text; message text; detail text; hint text; result text;
BEGIN
    PERFORM cache_delete('query:k');
    RETURN coalesce(cache_get_or_set('query:k', query, args => args)::text, 'NULL');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n    ', code || ' ' || message, nullif(detail, ''), nullif(hint, ''));
END
$$;
CREATE TABLE victim (id integer);
INSERT INTO victim VALUES (1);
CREATE FUNCTION strike() RETURNS integer LANGUAGE plpgsql AS 'BEGIN RAISE WARNING ''it ran''; RETURN 1; END';
\pset format unaligned
\pset tuples_only on

-- Text that would end the statement it is pasted into.
SELECT tried('1)); SELECT 4096::bigint WHERE ((true');
SELECT tried($$1)); SELECT '\x0100005000f0000041424344'::bytea WHERE ((true$$);
SELECT tried('1)); COMMIT; SELECT ((1');
SELECT tried('SELECT 1)) -- ');
SELECT tried('SELECT 1)) /*');
SELECT tried('SELECT 1 /* an open comment');
SELECT tried('SELECT ''an open string');
SELECT tried('SELECT (1');
SELECT tried('1');
SELECT tried('(SELECT 1');
SELECT tried('SELECT 1), (SELECT 2');
SELECT tried('SELECT 1 -- a comment without an end of line');
SELECT tried('SELECT 1 /* ; */ ; -- ;');
SELECT tried(E'-- first\nSELECT 1');
SELECT tried('SELECT '';'' || $q$;$q$');
SELECT tried('(SELECT 1)');
SELECT tried('((SELECT 1) UNION ALL (SELECT 2) LIMIT 1);;');

-- Not one statement.
SELECT tried('');
SELECT tried(' ; ');
SELECT tried('-- nothing');
SELECT tried('SELECT strike(); SELECT 2');
SELECT tried('SELECT strike(); DROP TABLE victim');

-- Not a query.
SELECT tried('DO $d$BEGIN PERFORM strike(); END$d$');
SELECT tried('CALL strike()');
SELECT tried('COPY victim TO STDOUT');
SELECT tried('EXPLAIN ANALYZE SELECT strike()');
SELECT tried('SHOW search_path');
SELECT tried('SET search_path = victim');
SELECT tried('BEGIN');
SELECT tried('COMMIT');
SELECT tried('ROLLBACK');
SELECT tried('PREPARE p AS SELECT 1');
SELECT tried('DECLARE c CURSOR FOR SELECT 1');
SELECT tried('CREATE TABLE made AS SELECT strike()');
SELECT tried('INSERT INTO victim VALUES (2) RETURNING id');
SELECT tried('DELETE FROM victim RETURNING id');
SELECT tried('SELECT strike() INTO made');
SELECT tried('SELECT strike() INTO TEMP made UNION SELECT 1');

-- What writes or locks.
SELECT tried('WITH gone AS (DELETE FROM victim RETURNING id) SELECT id, strike() FROM gone');
SELECT tried('WITH gone AS (DELETE FROM victim RETURNING id) SELECT strike() FROM gone');
SELECT tried('SELECT strike() FROM victim FOR UPDATE');
SELECT count(*) AS victims, to_regclass('made') AS made FROM victim;

-- Not one column, not one row.
SELECT tried('SELECT');
SELECT tried('SELECT FROM victim');
SELECT tried('SELECT strike(), strike()');
SELECT tried('SELECT * FROM (VALUES (1, 2)) AS v');
SELECT tried('VALUES (1), (2)');
SELECT tried('SELECT generate_series(1, 1000000000)');
SELECT tried('SELECT 1 WHERE false');
SELECT tried('SELECT NULL::jsonb');
SELECT tried('SELECT NULL');

-- Every type becomes JSON as to_jsonb has it.
SELECT tried('VALUES (1)');
SELECT tried('TABLE victim');
SELECT tried('WITH w AS (SELECT 1 AS one) SELECT one FROM w');
SELECT tried('SELECT 4096::bigint');
SELECT tried($$SELECT '\x0100005000f0000041424344'::bytea$$);
SELECT tried('SELECT 1::smallint');
SELECT tried('SELECT true');
SELECT tried('SELECT 1.50::numeric');
SELECT tried('SELECT 0.1::real');
SELECT tried('SELECT ''NaN''::double precision');
SELECT tried('SELECT ''text''');
SELECT tried('SELECT ''name''::name');
SELECT tried('SELECT ''c''::"char"');
SELECT tried('SELECT ''{"a": 1}''::json');
SELECT tried('SELECT ''{"a": 1}''::jsonb');
SELECT tried('SELECT ROW(1, ''a'')');
SELECT tried('SELECT v FROM victim AS v');
SELECT tried('SELECT pg_sleep(0)');
SELECT tried('SELECT ARRAY[1, 2]');
SELECT tried('SELECT ARRAY[[''{}''::jsonb], [NULL::jsonb]]');
SELECT tried('SELECT ''{}''::text[]');
SELECT tried('SELECT interval ''1 day''');
SELECT tried('SELECT timestamp ''2026-01-01 12:00''');
SELECT tried('SELECT ''(1,2)''::point');
SELECT tried('SELECT int4range(1, 2)');
SELECT tried('SELECT ''victim''::regclass');
SELECT tried('SELECT ''cstring''::cstring');
SELECT tried('SELECT repeat(''x'', 10000)') = to_jsonb(repeat('x', 10000))::text;
CREATE DOMAIN document AS jsonb CHECK (jsonb_typeof(value) = 'object');
CREATE DOMAIN small AS integer;
CREATE TYPE mood AS ENUM ('fine');
SELECT tried('SELECT ''{"a": 1}''::document');
SELECT tried('SELECT 7::small');
SELECT tried('SELECT ''fine''::mood');
SELECT tried('SELECT jsonb_build_object(''k'', $1)', '{arg}');
SELECT tried('SELECT $1', '{arg}');
SELECT tried('SELECT $2 IS NULL', ARRAY['arg', NULL]);
SELECT tried('SELECT $1');
\pset tuples_only off
\pset format aligned

-- An error of a query shows the query and the position in it, as any error does.
SELECT cache_get_or_set('query:e', 'SELECT nowhere FROM victim');
SELECT cache_get_or_set('query:e', E'SELECT id\nFROM victim\nWHERE nothing = 1;');
SELECT cache_get_or_set('query:e', 'SELECT 1)) x');
SELECT cache_get_or_set('query:e', 'SELECT ''x''::integer');
SELECT cache_get_or_set('query:e', 'SELECT 1 / (id - 1) FROM victim');
SELECT cache_get_or_set('query:e', 'SELECT id FROM nowhere', '1 hour');
-- Also where one query calls another, and where the error is caught.
SELECT cache_get_or_set('query:e', $$SELECT cache_get_or_set('query:f', 'SELECT nowhere FROM victim')$$);
SELECT cache_get_or_set('query:e', $$SELECT cache_get_or_set('query:f', 'SELECT 1 / (id - 1) FROM victim')$$);
CREATE FUNCTION caught() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    context text; name text;
BEGIN
    PERFORM cache_get_or_set('query:e', 'SELECT nowhere FROM victim');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
    RETURN context;
END
$$;
SELECT caught();
SELECT caught(), cache_get_or_null('query:e'), cache_try_set('query:e', '1', 'never'), caught();
SELECT cache_get_or_set('query:e', 'SELECT caught() || nowhere');
SELECT cache_get_or_set('query:e', $$SELECT caught() || ('x' || caught())::integer$$);
-- A warning is one warning.
SELECT cache_get_or_set('query:w', 'SELECT strike()');
-- An error keeps the names of what it is about.
CREATE FUNCTION inserts() RETURNS integer LANGUAGE plpgsql AS 'BEGIN INSERT INTO victim VALUES (1); RETURN 1; END';
CREATE UNIQUE INDEX victim_id ON victim (id);
DO $$
DECLARE
    code text; relation text; constraint_name text;
BEGIN
    PERFORM cache_get_or_set('query:e', 'SELECT inserts()');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, relation = TABLE_NAME, constraint_name = CONSTRAINT_NAME;
    RAISE NOTICE '% % %', code, relation, constraint_name;
END
$$;

DROP FUNCTION tried, strike, caught, inserts;
DROP TABLE victim;
DROP DOMAIN document, small;
DROP TYPE mood;
SELECT cache_clear('query') >= 0;
