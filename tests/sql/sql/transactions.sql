-- Everything belongs to the caller's transaction.
BEGIN;
SELECT cache_set('tx:a', '1') IS NOT NULL;
SAVEPOINT s;
SELECT cache_set('tx:a', '2') IS NOT NULL, cache_set('tx:b', '2') IS NOT NULL;
SELECT cache_get('tx:a'), cache_get('tx:b');
ROLLBACK TO s;
SELECT cache_get('tx:a'), cache_get('tx:b');
COMMIT;
SELECT cache_get('tx:a'), cache_get('tx:b');
BEGIN;
SELECT cache_set('tx:a', '3') IS NOT NULL, cache_incr('tx:n');
ROLLBACK;
SELECT cache_get('tx:a'), cache_get('tx:n');

-- The same key twice in one statement.
SELECT cache_set('tx:twice', to_jsonb(i)) IS NOT NULL AS set FROM generate_series(1, 3) AS i GROUP BY 1;
SELECT cache_get('tx:twice');

-- cache_get is STABLE: it sees what its statement sees.
SELECT cache_set('tx:stable', '"old"') IS NOT NULL;
WITH written AS MATERIALIZED (SELECT cache_set('tx:stable', '"new"'))
SELECT cache_get('tx:stable') FROM written;
SELECT cache_get('tx:stable');

-- Within PL/pgSQL each statement sees the one before.
DO $$
BEGIN
    PERFORM cache_set('tx:do', '1');
    ASSERT cache_get('tx:do') = '1';
    PERFORM cache_delete('tx:do');
    ASSERT cache_get('tx:do') IS NULL;
    BEGIN
        PERFORM cache_set('tx:do', '2');
        RAISE EXCEPTION 'undo';
    EXCEPTION WHEN raise_exception THEN
        ASSERT cache_get('tx:do') IS NULL;
    END;
END
$$;

-- A hostile search_path changes nothing: every name is the extension's or pg_catalog's.
CREATE SCHEMA hostile;
CREATE TABLE hostile.cache_entries (key text, value jsonb, expires_at timestamptz);
CREATE FUNCTION hostile.lie(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT NOT $1 OPERATOR(pg_catalog.=) $2';
CREATE OPERATOR hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.lie);
CREATE FUNCTION hostile.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$SELECT 'infinity'::timestamptz$$;
SET search_path = hostile, pg_catalog, public;
SELECT cache_set('tx:hostile', '1') IS NOT NULL, cache_get('tx:hostile'), cache_add('tx:hostile', '2'),
       cache_replace('tx:hostile', '3'), cache_incr('tx:hostile'), cache_delete('tx:hostile'), cache_clear('tx') > 0;
SELECT cache_configure('tx', default_ttl => '1 minute'), cache_unconfigure('tx'), cache_sweep() >= 0;
RESET search_path;
SELECT count(*) FROM hostile.cache_entries;
SET client_min_messages = warning;
DROP SCHEMA hostile CASCADE;
RESET client_min_messages;
