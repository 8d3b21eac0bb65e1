-- Every way to misuse the cache, what it is called, and that the quiet forms never raise (P6).
CREATE FUNCTION complaint(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    code text; message text; detail text; hint text;
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n    ', statement, code || ' ' || message, nullif(detail, ''), nullif(hint, ''));
END
$$;
\pset format unaligned
\pset tuples_only on
SELECT complaint($$SELECT cache_get(NULL)$$);
SELECT complaint($$SELECT cache_get('')$$);
SELECT complaint($$SELECT cache_get(repeat('k', 513))$$);
SELECT complaint($$SELECT cache_get(E'line\nbreak')$$);
SELECT complaint($$SELECT cache_get(' padded')$$);
SELECT complaint($$SELECT cache_get('padded' || U&'\3000')$$);
SELECT complaint($$SELECT cache_set(NULL, '1')$$);
SELECT complaint($$SELECT cache_set('k', NULL)$$);
SELECT complaint($$SELECT cache_set('k', '1', '0')$$);
SELECT complaint($$SELECT cache_set('k', '1', '-1 minute')$$);
SELECT complaint($$SELECT cache_set('k', '1', '999 microseconds')$$);
SELECT complaint($$SELECT cache_set('k', '1', '30 days 1 second')$$);
SELECT complaint($$SELECT cache_set('k', '1', '100000000 years'::interval)$$);
SELECT complaint($$SELECT cache_set('k', '1', '-100000000 years'::interval)$$);
SELECT complaint($$SELECT cache_set('k', '1', 'soon')$$);
SELECT complaint($$SELECT cache_set('k', '1', tags => ARRAY[E'tab\t'])$$);
SELECT complaint($$SELECT cache_set('k', to_jsonb(repeat('v', 1024 * 1024)))$$);
SELECT complaint($$SELECT cache_add('', '1')$$);
SELECT complaint($$SELECT cache_replace('', '1')$$);
SELECT complaint($$SELECT cache_cas('', '1', '1')$$);
SELECT complaint($$SELECT cache_touch('')$$);
SELECT complaint($$SELECT cache_touch('k', '0')$$);
SELECT complaint($$SELECT cache_persist('k')$$);
SELECT complaint($$SELECT cache_incr('')$$);
SELECT cache_set('k', '"text"') IS NOT NULL;
SELECT complaint($$SELECT cache_incr('k')$$);
SELECT cache_set('k', '1.5') IS NOT NULL;
SELECT complaint($$SELECT cache_incr('k')$$);
SELECT cache_set('k', '9223372036854775807') IS NOT NULL;
SELECT complaint($$SELECT cache_incr('k')$$);
SELECT cache_set('k', '1e30') IS NOT NULL;
SELECT complaint($$SELECT cache_incr('k', -1)$$);
SELECT complaint($$SELECT cache_set_many(NULL)$$);
SELECT complaint($$SELECT cache_set_many('[1, 2]')$$);
SELECT complaint($$SELECT cache_set_many('{"ok": 1, "": 2}')$$);
SELECT cache_get('ok');
SELECT complaint($$SELECT cache_get_many(ARRAY['k', NULL])$$);
SELECT complaint($$SELECT cache_delete('')$$);
SELECT complaint($$SELECT cache_delete_many(ARRAY['k', ''])$$);
SELECT complaint($$SELECT cache_take('')$$);
SELECT complaint($$SELECT cache_clear('a:b')$$);
SELECT complaint($$SELECT cache_keys(max_keys => -1)$$);
SELECT complaint($$SELECT cache_persistence('LOGGED')$$);
SELECT complaint($$SELECT cache_persistence('mixed')$$);
SELECT complaint($$SELECT cache_entry('')$$);
SELECT complaint($$SELECT cache_exists('')$$);
SELECT complaint($$SELECT cache_ttl('')$$);
SELECT complaint($$SELECT cache_expires_at('')$$);
SELECT complaint($$SELECT cache_sweep(0)$$);
SELECT complaint($$SELECT cache_configure(NULL)$$);
SELECT complaint($$SELECT cache_configure('a:b')$$);
SELECT complaint($$SELECT cache_configure('n', default_ttl => '0')$$);
SELECT complaint($$SELECT cache_configure('n', stale_for => '-1 second')$$);
SELECT complaint($$SELECT cache_configure('n', stale_for => '31 days')$$);
SELECT complaint($$SELECT cache_configure('n', refresh_ahead => '-1 second')$$);
SELECT complaint($$SELECT cache_configure('n', refresh_ahead => '31 days')$$);
SELECT complaint($$SELECT cache_configure('n', jitter => 1.1)$$);
SELECT complaint($$SELECT cache_configure('n', jitter => 'NaN')$$);
SELECT complaint($$SELECT cache_configure('n', max_value_size => 0)$$);
SELECT complaint($$SELECT cache_unconfigure('a:b')$$);
BEGIN READ ONLY;
SELECT complaint($$SELECT cache_set('k', '1')$$);
ROLLBACK;
BEGIN READ ONLY;
SELECT complaint($$SELECT cache_sweep()$$);
ROLLBACK;
\pset tuples_only off
\pset format aligned

-- The quiet forms leave the transaction usable, and lose nothing that was done before.
BEGIN;
SELECT cache_set('quiet', '1') IS NOT NULL;
SELECT complaint($$SELECT cache_invalidate_tags('')$$);
SELECT complaint($$SELECT cache_invalidate_tags(NULL::text)$$);
SELECT token FROM cache_fetch('k:1') \gset
SELECT complaint($$SELECT cache_fill('k:1', '1', 'no token')$$);
SELECT complaint(format($$SELECT cache_fill('k:2', '1', %L)$$, :'token')) LIKE '%22023 invalid cache token%issued for another key%';
SELECT complaint(format($$SELECT cache_fill('k:1', NULL, %L)$$, :'token')) LIKE '%22004 cache value must not be null%';
SELECT complaint($$SELECT cache_release('k:1', 'x')$$);
SELECT complaint($$SELECT cache_get_or_set('k:3')$$);
SELECT complaint($$SELECT cache_get_or_set('k:3', 'SELECT 1, 2')$$);
SELECT complaint($$SELECT cache_get_or_set('k:3', 'SELECT generate_series(1, 2)')$$);
SELECT complaint($$SELECT cache_get_or_set('k:3', 'DELETE FROM cache_entries')$$);
SELECT complaint($$SELECT cache_get_or_set('k:3', 'SELECT 1', '40 days')$$);
-- A loader that fails leaves nothing behind: the next one loads.
SELECT complaint($$SELECT cache_get_or_set('k:3', 'SELECT 1 / 0')$$);
SELECT cache_get_or_set('k:3', 'SELECT 3');
-- A query has the caller's rights.
CREATE ROLE stranger;
GRANT SELECT, INSERT, UPDATE ON cache_entries TO stranger;
SET ROLE stranger;
SELECT complaint($$SELECT cache_get_or_set('k:4', 'SELECT namespace FROM cache_namespaces')$$);
RESET ROLE;
DROP OWNED BY stranger;
DROP ROLE stranger;
SELECT complaint($$SELECT cache_configure('k', loader => 'upper(text)')$$);
CREATE FUNCTION load_k(key text) RETURNS jsonb LANGUAGE sql RETURN '1'::jsonb;
-- What could write is no loader.
SELECT complaint($$SELECT cache_configure('k', loader => 'load_k(text)')$$);
ALTER FUNCTION load_k(text) STABLE;
-- A loader runs with its owner's rights: whoever configures it must have them.
CREATE ROLE configurer;
GRANT EXECUTE ON FUNCTION cache_configure TO configurer;
SET ROLE configurer;
SELECT complaint($$SELECT cache_configure('k', loader => 'load_k(text)')$$);
RESET ROLE;
DROP OWNED BY configurer;
DROP ROLE configurer;
SELECT cache_configure('k', loader => 'load_k(text)');
DROP FUNCTION load_k(text);
SELECT complaint($$SELECT cache_get_or_set('k:5')$$);
SELECT cache_unconfigure('k');
SELECT cache_get_or_null(NULL), cache_get_or_null(''), cache_get_or_null(repeat('k', 513));
SELECT cache_try_set(NULL, '1'), cache_try_set('', '1'), cache_try_set('k', NULL), cache_try_set('k', '1', '0'),
       cache_try_set('k', '1', 'soon'), cache_try_set('k', '1', tags => '{NULL}'),
       cache_try_set('k', to_jsonb(repeat('v', 1024 * 1024)));
SELECT cache_try_set('quiet', '2');
COMMIT;
SELECT cache_get('quiet'), cache_get('k');

-- Also where the table itself is in the way.
BEGIN;
ALTER TABLE cache_entries ADD CONSTRAINT never CHECK (key <> 'never');
SELECT cache_try_set('never', '1'), cache_try_set('quiet', '3');
ALTER TABLE cache_entries RENAME TO elsewhere;
SELECT cache_get_or_null('quiet'), cache_try_set('quiet', '4');
ALTER TABLE elsewhere RENAME TO cache_entries;
SELECT cache_get('quiet');
ROLLBACK;

-- A cancel is no error to be swallowed.
BEGIN;
CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN new; END';
CREATE TRIGGER dawdle BEFORE INSERT ON cache_entries FOR EACH ROW EXECUTE FUNCTION dawdle();
\set VERBOSITY terse
SET LOCAL statement_timeout = '100ms';
SELECT cache_try_set('dawdle', '1');
\set VERBOSITY default
ROLLBACK;
