-- A loader is called only while it is what was configured, and leaves nothing behind in its caller's session.
CREATE ROLE regress_chef;
CREATE ROLE regress_guest;
CREATE SCHEMA chef AUTHORIZATION regress_chef;
GRANT USAGE ON SCHEMA chef TO regress_guest;
GRANT SELECT, INSERT, UPDATE, DELETE ON cache_entries TO regress_guest, regress_chef;
GRANT EXECUTE ON FUNCTION cache_configure, cache_unconfigure TO regress_chef;
SET ROLE regress_chef;
CREATE FUNCTION chef.load(key text) RETURNS jsonb LANGUAGE sql STABLE RETURN to_jsonb(current_user || ' ' || key);
SELECT cache_configure('chef', loader => 'chef.load(text)');
SET ROLE regress_guest;
SELECT cache_get_or_set('chef:1');
SELECT cache_delete('chef:1');
-- Of another type: whatever it returns would be taken for a jsonb.
SET ROLE regress_chef;
DROP FUNCTION chef.load(text);
CREATE FUNCTION chef.load(key text) RETURNS bigint LANGUAGE sql STABLE RETURN 4096;
SET ROLE regress_guest;
SELECT cache_get_or_set('chef:1');
SET ROLE regress_chef;
DROP FUNCTION chef.load(text);
CREATE FUNCTION chef.load(key text) RETURNS bytea LANGUAGE sql STABLE RETURN '\x0100005000f0000041424344'::bytea;
SET ROLE regress_guest;
SELECT cache_get_or_set('chef:1');
SET ROLE regress_chef;
DROP FUNCTION chef.load(text);
CREATE FUNCTION chef.load(key text) RETURNS SETOF jsonb LANGUAGE sql STABLE AS 'SELECT ''1''::jsonb';
SELECT cache_get_or_set('chef:1');
DROP FUNCTION chef.load(text);
CREATE FUNCTION chef.load(key text) RETURNS json LANGUAGE sql STABLE AS 'SELECT ''1''::json';
SELECT cache_get_or_set('chef:1');
DROP FUNCTION chef.load(text);
CREATE PROCEDURE chef.load(key text) LANGUAGE sql AS 'SELECT 1';
SELECT cache_get_or_set('chef:1');
DROP PROCEDURE chef.load(text);
SELECT cache_get_or_set('chef:1');
CREATE FUNCTION chef.load(key text, more text DEFAULT '') RETURNS jsonb LANGUAGE sql STABLE RETURN '1'::jsonb;
SELECT cache_get_or_set('chef:1');
DROP FUNCTION chef.load(text, text);
CREATE DOMAIN chef.key AS text;
CREATE FUNCTION chef.load(key chef.key) RETURNS jsonb LANGUAGE sql STABLE RETURN '1'::jsonb;
SELECT cache_get_or_set('chef:1');
DROP FUNCTION chef.load(chef.key);
CREATE AGGREGATE chef.load(text) (SFUNC = array_append, STYPE = text[], INITCOND = '{}');
SELECT cache_get_or_set('chef:1');
DROP AGGREGATE chef.load(text);
-- Volatile, which could write.
CREATE FUNCTION chef.load(key text) RETURNS jsonb LANGUAGE sql STABLE RETURN to_jsonb(current_user || ' ' || key);
ALTER FUNCTION chef.load(text) VOLATILE;
SELECT cache_get_or_set('chef:1');
ALTER FUNCTION chef.load(text) STABLE;
SET ROLE regress_guest;
SELECT cache_get_or_set('chef:1');
SELECT cache_delete('chef:1');
-- Of another owner, whose rights whoever configured it need not have.
RESET ROLE;
ALTER FUNCTION chef.load(text) OWNER TO CURRENT_USER;
SET ROLE regress_guest;
SELECT cache_get_or_set('chef:1');
SET ROLE regress_chef;
SELECT cache_configure('chef', loader => 'chef.load(text)');
SELECT cache_configure('chef', default_ttl => '1 hour');
RESET ROLE;
SELECT cache_get_or_set('chef:1');
SELECT cache_configure('chef', loader => 'chef.load(text)');
SELECT cache_get_or_set('chef:1') IS NOT NULL;
SELECT cache_delete('chef:1');
-- Everything that is no loader, when it is configured.
CREATE FUNCTION chef.volatile(key text) RETURNS jsonb LANGUAGE sql RETURN '1'::jsonb;
CREATE FUNCTION chef.other(key text) RETURNS json LANGUAGE sql STABLE AS 'SELECT ''1''::json';
CREATE FUNCTION chef.many(key text) RETURNS SETOF jsonb LANGUAGE sql STABLE AS 'SELECT ''1''::jsonb';
SELECT cache_configure('chef', loader => 'chef.volatile(text)');
SELECT cache_configure('chef', loader => 'chef.other(text)');
SELECT cache_configure('chef', loader => 'chef.many(text)');
SELECT cache_configure('chef', loader => 'jsonb_agg(anyelement)');
SELECT cache_configure('chef', loader => 0::regprocedure);
SELECT cache_configure('chef', loader => 4294967295::regprocedure);

-- What a loader sets is not set for its caller, whether it says "local" or not, nor where it fails.
CREATE FUNCTION chef.sets(key text) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM set_config('search_path', 'evil', false), set_config('work_mem', '1234kB', true);
    PERFORM set_config('chef.own', key, false);
    IF key LIKE '%fails' THEN RAISE EXCEPTION 'loader fails'; END IF;
    RETURN to_jsonb(current_setting('search_path') || ' ' || current_setting('work_mem'));
END
$$;
CREATE FUNCTION fails_quietly(key text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN cache_get_or_set(key);
EXCEPTION WHEN raise_exception THEN
    RETURN sqlerrm;
END
$$;
SELECT cache_configure('chef', loader => 'chef.sets(text)');
SELECT cache_get_or_set('chef:sets'), fails_quietly('chef:fails');
SELECT cache_get_or_set('chef:fails');
SELECT current_setting('search_path') AS search_path, current_setting('work_mem') = '1234kB' AS work_mem,
       nullif(current_setting('chef.own', true), '') AS own;

-- Advisory locks that it takes are given back; those of the caller stay, as often as the caller has them.
CREATE FUNCTION chef.locks(key text) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM pg_advisory_lock(1), pg_advisory_lock(2), pg_advisory_lock(2), pg_advisory_lock_shared(3), pg_advisory_lock(4, 5);
    PERFORM pg_advisory_xact_lock(6), pg_advisory_lock(7), pg_advisory_xact_lock(7);
    IF key LIKE '%unlocks' THEN PERFORM pg_advisory_unlock_all(); END IF;
    IF key LIKE '%fails' THEN RAISE EXCEPTION 'loader fails'; END IF;
    RETURN '1';
END
$$;
SELECT cache_configure('chef', loader => 'chef.locks(text)');
CREATE VIEW locks AS
    SELECT classid, objid, objsubid, mode FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND objsubid < 3
    ORDER BY objid, mode;
SELECT pg_advisory_lock(2), pg_advisory_lock_shared(1);
BEGIN;
SELECT cache_get_or_set('chef:locks'), fails_quietly('chef:fails');
-- Those of the transaction end with it.
SELECT * FROM locks;
COMMIT;
SELECT * FROM locks;
SELECT cache_get_or_set('chef:fails');
SELECT cache_get_or_set('chef:unlocks');
SELECT * FROM locks;
SELECT pg_advisory_unlock(2), pg_advisory_unlock_shared(1);
SELECT * FROM locks;

-- What is refused inside, also where it calls what is volatile: nothing of it would end with the loader.
CREATE FUNCTION chef.act(command text) RETURNS void LANGUAGE plpgsql AS 'BEGIN EXECUTE command; END';
CREATE FUNCTION chef.does(key text) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    message text;
BEGIN
    PERFORM chef.act(substr(key, 6));
    RETURN '"done"';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
    RETURN to_jsonb(sqlstate || ' ' || message);
END
$$;
ALTER FUNCTION chef.does(text) OWNER TO regress_chef;
SELECT cache_configure('chef', loader => 'chef.does(text)');
SELECT command, cache_get_or_set('chef:' || command)
FROM unnest(ARRAY[
    'SET ROLE regress_guest', 'RESET ROLE', 'SET SESSION AUTHORIZATION DEFAULT', 'CREATE TEMP TABLE t (i int)',
    'CREATE TABLE chef.t (i int)', 'CREATE INDEX ON chef.t (i)', 'INSERT INTO public.cache_namespaces VALUES (''x'')', 'PREPARE p AS SELECT 1', 'LISTEN c', 'UNLISTEN *',
    'NOTIFY c', 'DEALLOCATE ALL', 'DISCARD ALL', 'LOAD ''plpgsql''', 'DECLARE c CURSOR WITH HOLD FOR SELECT 1', 'COMMIT', 'ROLLBACK',
    'DO $d$BEGIN COMMIT; END$d$', 'SELECT public.cache_configure(''chef'', default_ttl => ''1 day'')', 'SELECT public.cache_unconfigure(''chef'')',
    'SELECT public.cache_persistence(''unlogged'')', 'SELECT 1']) AS command;
SELECT current_user = session_user AS is_self;
DROP TABLE chef.t;
GRANT EXECUTE ON FUNCTION cache_persistence TO regress_chef;
SELECT cache_get_or_set('chef: SELECT public.cache_persistence(''unlogged'')');
REVOKE EXECUTE ON FUNCTION cache_persistence FROM regress_chef;

SELECT cache_unconfigure('chef'), cache_clear('chef') >= 0;
DROP VIEW locks;
DROP FUNCTION fails_quietly;
REVOKE EXECUTE ON FUNCTION cache_configure, cache_unconfigure FROM regress_chef;
REVOKE ALL ON cache_entries FROM regress_guest, regress_chef;
\set VERBOSITY terse
SET client_min_messages = error;
DROP SCHEMA chef CASCADE;
DROP ROLE regress_chef, regress_guest;
