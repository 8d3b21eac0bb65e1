-- With cache_pg.errors = warn or ignore no function of the cache fails its caller. Every function is called in each kind
-- of trouble, and with every type of its ttl. A new function is called too: its arguments have names that stand here, or
-- this script fails.
CREATE TABLE quiet_source (id integer);
CREATE TABLE quiet_arguments (name text PRIMARY KEY, good text, bad text);
INSERT INTO quiet_arguments VALUES
    ('key', 'quiet:k', ''), ('keys', '{quiet:k}', '{quiet:k,""}'), ('namespace', 'quiet', 'a:b'), ('prefix', 'quiet:', 'quiet:'), ('value', '1', '1'),
    ('values', '{1}', '{1,2}'), ('entries', '{"quiet:k": 1}', '{"": 1}'), ('tags', '{quiet-tag}', '{""}'), ('version', '3', '3'), ('owner', 'me', 'me'),
    ('token', 'x', 'x'), ('wait', '0', '0'), ('query', 'SELECT 1', 'SELECT 1'), ('delta', '1', '1'), ('initial', '0', '0'), ('parts', '{quiet}', '{quiet}'),
    ('max_keys', '1', '0'), ('batch_size', '1', '0'), ('generations', '{0}', '{0}'), ('source', 'quiet_source', '0'), ('mode', NULL, 'mixed'),
    ('argument', '\x', '\x');
INSERT INTO quiet_arguments (name) SELECT unnest('{ttl,ttls,expires_at,args,after,default_ttl,stale_for,jitter,max_value_size,early_refresh,loader,notify,max_entries,max_size,refresh_ahead,warm}'::text[]);
-- The calls that a caller can make in a statement. Triggers are called by nobody, and the procedure ends transactions.
CREATE VIEW quiet_functions AS
    SELECT p.oid, p.proname, p.proargnames, p.proargtypes, p.provariadic FROM pg_depend JOIN pg_proc AS p ON p.oid = objid
    WHERE deptype = 'e' AND classid = 'pg_proc'::regclass AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'cache_pg')
      AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype) AND prokind = 'f';
SELECT proname, name AS without_value
FROM quiet_functions, unnest(proargtypes) WITH ORDINALITY AS a (type, n), LATERAL (SELECT proargnames[n]) AS named (name)
WHERE name NOT IN (SELECT name FROM quiet_arguments);
CREATE FUNCTION quiet_calls(trouble text) RETURNS TABLE (name text, call text) LANGUAGE sql AS $$
    SELECT proname, format('%I(%s%s)', proname, CASE WHEN provariadic <> 0 THEN 'VARIADIC ' END, (
        SELECT string_agg(format('%L::%s', CASE trouble WHEN 'null' THEN NULL WHEN 'bad argument' THEN bad ELSE good END, type::regtype), ', ' ORDER BY n)
        FROM unnest(proargtypes) WITH ORDINALITY AS a (type, n) JOIN quiet_arguments ON quiet_arguments.name = proargnames[n]))
    FROM quiet_functions
    ORDER BY oid::regprocedure::text COLLATE "C"
$$;
-- Calls all functions in one transaction. Tells their answers, and whether the error was counted. A table of the cache
-- that is in trouble cannot be asked for the counters, so they are asked for in the end.
CREATE FUNCTION quiet_answers(trouble text) RETURNS TABLE (answer text, functions text) LANGUAGE plpgsql AS $$
DECLARE
    name text; call text; before bigint; raised text; got text; errors boolean;
    answers text[] = '{}'; names text[] = '{}';
BEGIN
    FOR name, call IN SELECT * FROM quiet_calls(trouble) LOOP
        before := (SELECT sum((figures::json ->> 'errors')::bigint) FROM cache_stats());
        EXECUTE 'SELECT string_agg(f::text, '' '') FROM ' || call || ' AS f' INTO got;
        errors := (SELECT sum((figures::json ->> 'errors')::bigint) FROM cache_stats()) > before;
        names := names || name;
        answers := answers || CASE WHEN errors THEN 'error: ' || coalesce(got, 'NULL') ELSE 'no error' END;
    END LOOP;
    RETURN QUERY SELECT a, string_agg(DISTINCT n, ' ' ORDER BY n) FROM unnest(answers, names) AS t (a, n) GROUP BY a ORDER BY a COLLATE "C";
END
$$;
\pset format unaligned
\pset tuples_only on
SET cache_pg.errors = ignore;
SELECT * FROM quiet_answers('bad argument');
SELECT * FROM quiet_answers('null');
-- A table that is not as it was made.
BEGIN;
ALTER TABLE cache_entries ALTER COLUMN created_at TYPE date;
SELECT * FROM quiet_answers('altered');
ROLLBACK;
BEGIN READ ONLY;
SELECT * FROM quiet_answers('read only');
COMMIT;
-- Without a privilege on the table. Functions that configure are not for everybody: PostgreSQL refuses the call itself.
CREATE ROLE regress_quiet;
GRANT EXECUTE ON FUNCTION cache_stats, cache_latency, cache_sweeps, cache_health, cache_advice, cache_loads, cache_configure, cache_unconfigure, cache_watch, cache_unwatch,
    cache_persistence, cache_stats_reset TO regress_quiet;
GRANT SELECT ON quiet_arguments, quiet_functions TO regress_quiet;
SET ROLE regress_quiet;
SELECT * FROM quiet_answers('denied');
RESET ROLE;
-- A policy and a trigger that fail.
GRANT ALL ON cache_entries TO regress_quiet;
SELECT cache_set('quiet:k', '1') IS NOT NULL;
ALTER TABLE cache_entries ENABLE ROW LEVEL SECURITY;
CREATE POLICY failing ON cache_entries USING (expires_at > to_timestamp(1 / (length(key) - length(key))));
SET ROLE regress_quiet;
SELECT * FROM quiet_answers('policy');
RESET ROLE;
DROP POLICY failing ON cache_entries;
ALTER TABLE cache_entries DISABLE ROW LEVEL SECURITY;
CREATE FUNCTION quiet_failing() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'no'; END$$;
CREATE TRIGGER quiet_failing BEFORE INSERT OR UPDATE ON cache_entries FOR EACH ROW EXECUTE FUNCTION quiet_failing();
SELECT * FROM quiet_answers('trigger');
DROP TRIGGER quiet_failing ON cache_entries;
DROP OWNED BY regress_quiet;
DROP ROLE regress_quiet;
\pset format aligned
\pset tuples_only off

-- The transaction goes on, and its other work is committed.
BEGIN;
SELECT cache_set('quiet:before', '1') IS NOT NULL AS set;
SELECT cache_set('', '1') IS NOT NULL AS set, cache_get(NULL), cache_get_or_set('quiet:loaded', 'SELECT 1 / 0'), cache_get_or_set('quiet:loaded', 'syntax error');
SELECT cache_set('quiet:after', '2') IS NOT NULL AS set;
COMMIT;
SELECT * FROM cache_get_many('{quiet:before,quiet:after}');
SHOW synchronous_commit;
-- A failed computation holds nobody up: the next one computes at once.
SELECT cache_get_or_set('quiet:loaded', 'SELECT 3');

-- Half-done work is undone.
CREATE FUNCTION quiet_z() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF new.key = 'quiet:z' THEN RAISE EXCEPTION 'not z'; END IF; RETURN new; END$$;
CREATE TRIGGER quiet_z BEFORE INSERT OR UPDATE ON cache_entries FOR EACH ROW EXECUTE FUNCTION quiet_z();
SELECT cache_set_many('{"quiet:a": 1, "quiet:z": 2}'), cache_set_many_bytes('{quiet:b,quiet:z}', ARRAY['\x01', '\x02']::bytea[], ARRAY['keep', NULL]),
       cache_delete_many('{quiet:before,quiet:z}'), cache_clear('quiet', 'quiet:z');
DROP TRIGGER quiet_z ON cache_entries;
SELECT cache_keys('quiet');
SELECT cache_set_many('{quiet:a,quiet:b}'::text[], ARRAY['1', to_jsonb(repeat('x', 2000000))]), cache_set_many('{quiet:a}'::text[], '{1,2}'::jsonb[]);
SELECT cache_set_bytes('quiet:bytes', '\x01', '1 hour') IS NOT NULL AS set;
SELECT cache_take('quiet:bytes'), cache_get_and_touch('quiet:bytes', 60), cache_incr('quiet:bytes'), cache_lock('quiet:bytes', 'me'), cache_get('quiet:bytes');
SELECT cache_get_many('{quiet:before,quiet:bytes}');
SELECT cache_keys('quiet'), cache_ttl_seconds('quiet:bytes') > 3000 AS hour;
SELECT found, value, stale, token FROM cache_fetch('quiet:bytes');
-- A lease of a stale value that the caller cannot read is given back.
SELECT cache_configure('quiet', stale_for => '1 hour');
UPDATE cache_entries SET expires_at = clock_timestamp(), stale_until = clock_timestamp() + '1 hour' WHERE key = 'quiet:bytes';
SELECT found, value, stale, token FROM cache_fetch('quiet:bytes');
SELECT found, value, stale, token IS NOT NULL AS token FROM cache_fetch_bytes('quiet:bytes');
SELECT cache_unconfigure('quiet');

-- Warnings say what was swallowed.
SET cache_pg.errors = warn;
SELECT cache_get('');
SELECT cache_set('quiet:k', '1', 0);
SELECT cache_set('quiet:k', '1', 'soon');
SELECT cache_set_many('no json', NULL);
SELECT cache_get_or_set('quiet:none', 'SELECT 1 / 0');
SELECT cache_persist('quiet:before');
\set VERBOSITY sqlstate
SELECT cache_incr('quiet:before', 1), cache_incr('quiet:before', 9223372036854775807), cache_get('quiet:bytes'), cache_lock('quiet:before', NULL);
\set VERBOSITY default
-- The two functions that never fail need no warning. Functions that configure warn always: nobody takes a failure for success.
SELECT cache_get_or_null(''), cache_try_set('', '1');
SET cache_pg.errors = ignore;
SELECT cache_get_or_null(''), cache_try_set('', '1');
SELECT cache_configure('a:b');
SELECT cache_watch('quiet_source');
SELECT cache_sweep(0);

-- A cancel is no error of the cache.
\set VERBOSITY terse
SET statement_timeout = '100ms';
SELECT cache_get_or_set('quiet:slow', 'SELECT to_jsonb(pg_sleep(60)::text)');
\set VERBOSITY default
DO $$
BEGIN
    PERFORM cache_get_or_set('quiet:slow', 'SELECT to_jsonb(pg_sleep(60)::text)');
EXCEPTION WHEN query_canceled THEN
    RAISE NOTICE 'cancelled';
END
$$;
RESET statement_timeout;

-- Within a function, with its setting, and after it.
SET cache_pg.errors = raise;
CREATE FUNCTION quiet_user() RETURNS text LANGUAGE plpgsql SET cache_pg.errors = ignore AS $$
BEGIN
    PERFORM cache_set('quiet:user', '1');
    BEGIN
        PERFORM cache_set('', '1');
        PERFORM cache_set('quiet:user', '2');
        RAISE EXCEPTION 'its own';
    EXCEPTION WHEN raise_exception THEN
        RETURN concat(cache_get('quiet:user'), cache_delete(''));
    END;
END
$$;
SELECT quiet_user();
SELECT cache_get('');
SELECT cache_get('quiet:user');

-- Under SERIALIZABLE and REPEATABLE READ.
SET cache_pg.errors = ignore;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT cache_set('quiet:s', '1') IS NOT NULL AS set, cache_set('', '1') IS NOT NULL AS set, cache_get_or_set('quiet:s2', 'SELECT 1 / 0'), cache_incr('quiet:s');
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT cache_set('quiet:s', '3') IS NOT NULL AS set, cache_set('', '1') IS NOT NULL AS set, cache_incr('quiet:s', 1, 0);
COMMIT;
SELECT cache_get('quiet:s');

-- In a parallel query.
SELECT set_config(name, 'on', false) FROM pg_settings WHERE name IN ('debug_parallel_query', 'force_parallel_mode');
EXPLAIN (COSTS OFF) SELECT cache_get('');
SELECT cache_get(''), cache_get('quiet:s'), cache_exists(''), cache_ttl_seconds(NULL), cache_count('a:b');
SELECT count(*) FROM cache_get_many('{""}');
SELECT set_config(name, 'off', false) FROM pg_settings WHERE name IN ('debug_parallel_query', 'force_parallel_mode');

-- A parallel query that writes a table has used its command ID, so a subtransaction of it must not begin another command.
CREATE TABLE quiet_keys AS SELECT 'quiet:' || i AS key FROM generate_series(1, 20000) AS i;
ALTER TABLE quiet_keys SET (parallel_workers = 2);
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) CREATE TABLE quiet_copy AS SELECT cache_get(key) FROM quiet_keys;
CREATE TABLE quiet_copy AS SELECT cache_get(key) FROM quiet_keys;
CREATE MATERIALIZED VIEW quiet_view AS SELECT cache_exists(key || ' ') AS found FROM quiet_keys;
REFRESH MATERIALIZED VIEW quiet_view;
BEGIN; SAVEPOINT before; CREATE TABLE quiet_more AS SELECT cache_get(key || ' ') FROM quiet_keys; ROLLBACK TO before; COMMIT;
SELECT (SELECT count(*) FROM quiet_copy) AS copied, (SELECT count(*) FROM quiet_view WHERE NOT found) AS missed;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;
DROP MATERIALIZED VIEW quiet_view; DROP TABLE quiet_keys, quiet_copy;

-- A trigger of cache_watch is not a call: if it cannot delete, the change fails.
SELECT cache_watch('quiet_source', ARRAY['quiet:{id}']);
ALTER TABLE cache_entries RENAME COLUMN created_at TO created;
\set VERBOSITY terse
INSERT INTO quiet_source VALUES (1);
\set VERBOSITY default
ALTER TABLE cache_entries RENAME COLUMN created TO created_at;
SELECT count(*) FROM quiet_source;

RESET cache_pg.errors;
DROP TABLE quiet_source, quiet_arguments CASCADE;
DROP VIEW quiet_functions;
DROP FUNCTION quiet_calls, quiet_answers, quiet_failing, quiet_z, quiet_user;
SELECT cache_clear('quiet') > 0 AS cleared;
