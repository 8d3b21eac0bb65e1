-- An error shows the code of users that led to it, and no statement of the extension.
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE 'refused by a trigger';
END
$$;
CREATE FUNCTION store_it(key text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cache_set(key, '1', '1 hour');
END
$$;
CREATE TRIGGER refuse BEFORE INSERT ON cache_entries FOR EACH ROW WHEN (new.key LIKE 'refused:%')
    EXECUTE FUNCTION refuse();
SELECT cache_set('refused:a', '1', '1 hour');
SELECT cache_set_many('{"refused:a": 1, "b": 2}', '1 hour');
SELECT cache_incr('refused:a');
SELECT store_it('refused:a');
SELECT cache_get_or_set('refused:a', 'SELECT 1', '1 hour');
-- Not one of a statement of the extension within another one either.
CREATE FUNCTION store_another() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cache_set('refused:b', '1', '1 hour');
    RETURN new;
END
$$;
CREATE TRIGGER store_another BEFORE INSERT ON cache_entries FOR EACH ROW WHEN (new.key = 'nested')
    EXECUTE FUNCTION store_another();
SELECT cache_set('nested', '1', '1 hour');
-- A handler within a statement of the extension sees none of an inner one, even if both are the same.
CREATE FUNCTION store_deeper() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    context text;
BEGIN
    PERFORM cache_set('refused:c', '1', '1 hour');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
    RAISE NOTICE '%', split_part(context, 'SQL statement', 2);
    RETURN new;
END
$$;
CREATE TRIGGER store_deeper BEFORE INSERT ON cache_entries FOR EACH ROW WHEN (new.key = 'outer')
    EXECUTE FUNCTION store_deeper();
\set VERBOSITY terse
SELECT cache_set('outer', '1', '1 hour') IS NOT NULL AS stored;
\set VERBOSITY default
DROP TRIGGER refuse ON cache_entries;
DROP TRIGGER store_another ON cache_entries;
DROP TRIGGER store_deeper ON cache_entries;

-- Not a statement that cannot be planned, nor a position in it.
BEGIN;
SET LOCAL lc_messages = 'C';
ALTER TABLE cache_tags RENAME COLUMN tag TO label;
SELECT cache_invalidate_tags('menu');
ROLLBACK;

-- An error keeps the names of what it is about, and its SQLSTATE, through code that catches errors and raises them.
CREATE FUNCTION parts(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    code text; constrained text; about text; part text; context text;
BEGIN
    EXECUTE command;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, constrained = CONSTRAINT_NAME, about = TABLE_NAME,
        part = COLUMN_NAME, context = PG_EXCEPTION_CONTEXT;
    RETURN concat_ws(' | ', code, constrained, about, part, context);
END
$$;
CREATE TABLE limited (amount integer CONSTRAINT small CHECK (amount < 10));
CREATE FUNCTION too_much(key text) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    amount integer NOT NULL = 1;
BEGIN
    RAISE check_violation USING constraint = 'small', table = 'limited', column = 'amount';
END
$$;
SELECT cache_configure('loaded', loader => 'too_much(text)');
SELECT parts($$SELECT cache_get_or_set('loaded:a')$$);
SELECT cache_unconfigure('loaded');
ALTER TABLE cache_entries ADD CONSTRAINT no_b CHECK (key <> 'b');
SELECT parts($$SELECT cache_set('b', '1', '1 hour')$$);
SELECT parts($$SELECT cache_set_many('{"b": 1}', '1 hour')$$);
ALTER TABLE cache_entries DROP CONSTRAINT no_b;

-- A cancel is one, wherever it is caught. Its context depends on when it comes.
\set VERBOSITY terse
SET statement_timeout = '10ms';
SELECT cache_get_or_set('slow', 'SELECT pg_sleep(60)::text', '1 hour');
SET cache_pg.errors = 'ignore';
SELECT cache_get_or_set('slow', 'SELECT pg_sleep(60)::text', '1 hour');
