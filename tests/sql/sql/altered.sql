-- A table of the cache that is not as it was made is an error on every path, and nothing of it is read by number.
\pset format unaligned
\pset tuples_only on
SELECT cache_set('altered:k', '1', tags => '{t}') IS NOT NULL, cache_configure('altered', default_ttl => '1 hour') IS NULL;
CREATE FUNCTION refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    code text; message text; detail text; hint text;
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n    ', code || ' ' || message, nullif(detail, ''), nullif(hint, ''));
END
$$;
CREATE TABLE altered_source (id integer);
SELECT cache_watch('altered_source', ARRAY['altered:{id}']);
-- Every function that reads or writes, and a trigger of cache_watch.
CREATE FUNCTION all_refusals() RETURNS TABLE (refusal text, calls bigint) LANGUAGE sql AS $$
    SELECT refusal(call), count(*)
    FROM unnest(ARRAY[
        'cache_get(''altered:k'')', 'cache_set(''altered:k'', ''2'')', 'cache_set(''altered:k'', ''2'', tags => ''{t}'')',
        'cache_add(''altered:k'', ''2'')', 'cache_replace(''altered:k'', ''2'')', 'cache_cas(''altered:k'', ''2'', ''3'')',
        'cache_entry(''altered:k'')', 'cache_exists(''altered:k'')', 'cache_ttl(''altered:k'')', 'cache_expires_at(''altered:k'')',
        'cache_touch(''altered:k'')', 'cache_delete(''altered:k'')', 'cache_delete_many(''{altered:k}'')', 'cache_take(''altered:k'')',
        'cache_clear(''altered'')', 'cache_clear()', 'cache_incr(''altered:n'')', 'cache_get_many(''{altered:k}'')',
        'cache_set_many(''{"altered:k": 1}'')', 'cache_fetch(''altered:k'')', 'cache_get_or_set(''altered:k'', ''SELECT 1'')',
        'cache_invalidate_tags(''t'')', 'cache_tags_hold(''{t}'', ''{0}'')', 'cache_keys(''altered'')', 'cache_sweep()',
        'cache_configure(''altered'', default_ttl => ''2 hours'')', 'cache_unconfigure(''none'')', 'cache_persistence()'
    ]) AS call(f), LATERAL (VALUES ('SELECT ' || f)) AS s(call)
    GROUP BY 1
    UNION ALL
    SELECT refusal('INSERT INTO altered_source VALUES (1)'), 1
    UNION ALL
    SELECT 'quietly: ' || concat_ws(' ', cache_get_or_null('altered:k')::text, cache_try_set('altered:k', '2')), 2
    ORDER BY 2 DESC, 1 COLLATE "C"
$$;
SELECT * FROM all_refusals();

BEGIN;
ALTER TABLE cache_entries ALTER COLUMN value TYPE integer USING 1;
SELECT * FROM all_refusals();
-- Where it is told.
SELECT count(*) > 0 AS is_told FROM cache_health;
ROLLBACK;
-- Whatever is done to a column of cache_entries.
CREATE FUNCTION after(alteration text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    BEGIN
        EXECUTE alteration;
        result := refusal('SELECT cache_get(''altered:k''), cache_set(''altered:k'', ''1''), cache_invalidate_tags(''none'')');
        RAISE EXCEPTION USING ERRCODE = 'XX999';
    EXCEPTION WHEN SQLSTATE 'XX999' THEN
        RETURN result;
    END;
END
$$;
SELECT after('ALTER TABLE cache_entries ALTER COLUMN value TYPE text');
SELECT after('ALTER TABLE cache_entries ALTER COLUMN value TYPE bytea USING ''\x01''');
SELECT after('ALTER TABLE cache_entries ALTER COLUMN value TYPE json');
SELECT after('CREATE DOMAIN doc AS jsonb; ALTER TABLE cache_entries ALTER COLUMN value TYPE doc');
SELECT after('ALTER TABLE cache_entries ALTER COLUMN key TYPE varchar');
SELECT after('ALTER TABLE cache_entries DROP CONSTRAINT cache_entries_key_check, ALTER COLUMN key TYPE bytea USING key::bytea');
SELECT after('ALTER TABLE cache_entries ALTER COLUMN key TYPE text COLLATE "default"');
SELECT after('ALTER TABLE cache_entries ALTER COLUMN expires_at TYPE timestamp');
SELECT after('ALTER TABLE cache_entries ALTER COLUMN expires_at TYPE date');
SELECT after('TRUNCATE cache_entries; ALTER TABLE cache_entries ALTER COLUMN lease_id TYPE integer');
SELECT after('ALTER TABLE cache_entries ALTER COLUMN version DROP DEFAULT, ALTER COLUMN version TYPE bigint USING 1');
SELECT after('ALTER TABLE cache_entries DROP CONSTRAINT cache_entries_tags_check, ALTER COLUMN tags TYPE text USING ''''');
SELECT after('TRUNCATE cache_entries; ALTER TABLE cache_entries ALTER COLUMN tag_generations TYPE integer[]');
SELECT after('ALTER TABLE cache_entries DROP COLUMN tags');
SELECT after('ALTER TABLE cache_entries DROP COLUMN tag_generations');
SELECT after('ALTER TABLE cache_entries DROP COLUMN value, ADD COLUMN value jsonb');
SELECT after('ALTER TABLE cache_entries RENAME COLUMN value TO worth');
SELECT after('ALTER TABLE cache_entries RENAME COLUMN stale_until TO s; ALTER TABLE cache_entries RENAME COLUMN lease_until TO stale_until;
              ALTER TABLE cache_entries RENAME COLUMN s TO lease_until');
SELECT after('ALTER TABLE cache_entries DROP CONSTRAINT cache_entries_pkey, ALTER COLUMN key DROP NOT NULL');
SELECT after('TRUNCATE cache_entries; ALTER TABLE cache_entries DROP CONSTRAINT cache_entries_pkey, ADD PRIMARY KEY (version)');
SELECT after('ALTER TABLE cache_entries DROP CONSTRAINT cache_entries_pkey, ADD PRIMARY KEY (key) INCLUDE (version)');
SELECT after('ALTER TABLE cache_entries DROP CONSTRAINT cache_entries_pkey, ADD PRIMARY KEY (key) DEFERRABLE');
SELECT after('ALTER TABLE cache_entries DROP CONSTRAINT cache_entries_pkey, ADD PRIMARY KEY (key, version)');
SELECT after('ALTER TABLE cache_entries RENAME TO mine');
SELECT after('ALTER TABLE cache_entries RENAME TO mine; CREATE TABLE cache_entries (LIKE mine INCLUDING ALL)');
SELECT after('ALTER EXTENSION cache_pg DROP TABLE cache_entries');
-- More columns behind them are nothing.
SELECT after('ALTER TABLE cache_entries ADD COLUMN note text');
SELECT after('ALTER TABLE cache_entries ADD COLUMN note text, ADD COLUMN number bigint DEFAULT 7');
SELECT after('ALTER TABLE cache_entries ALTER COLUMN lease_until TYPE timestamptz(3)');

-- The same of the other tables.
SELECT after('ALTER TABLE cache_tags ALTER COLUMN generation TYPE numeric');
SELECT after('ALTER TABLE cache_tags ALTER COLUMN version TYPE text');
SELECT after('ALTER TABLE cache_tags ALTER COLUMN tag TYPE text COLLATE "default"');
SELECT after('ALTER TABLE cache_tags DROP COLUMN unused_since');
SELECT after('ALTER TABLE cache_tags ADD COLUMN note text');
SELECT after('ALTER TABLE cache_tags RENAME TO mine');
SELECT after('DROP INDEX cache_tags_tag');
SELECT after('DROP INDEX cache_tags_tag; CREATE INDEX ON cache_tags (tag COLLATE "default")');
SELECT after('DROP INDEX cache_tags_tag; CREATE INDEX ON cache_tags (tag text_pattern_ops)');
SELECT after('DROP INDEX cache_tags_tag; CREATE INDEX ON cache_tags (lower(tag))');
SELECT after('DROP INDEX cache_tags_tag; CREATE INDEX ON cache_tags USING hash (tag)');
SELECT after('DROP INDEX cache_tags_tag; CREATE INDEX ON cache_tags (tag) WHERE generation > 0');
SELECT after('DROP INDEX cache_tags_tag; CREATE INDEX ON cache_tags (version, tag)');
SELECT after('DROP INDEX cache_tags_tag; CREATE INDEX ON cache_tags (tag DESC, version)');
SELECT after('ALTER TABLE cache_namespaces DROP CONSTRAINT cache_namespaces_default_ttl_check, ALTER COLUMN default_ttl TYPE text');
SELECT after('ALTER TABLE cache_namespaces ALTER COLUMN loader TYPE bytea USING ''''');
SELECT after('ALTER TABLE cache_namespaces DROP CONSTRAINT cache_namespaces_max_size_check, ALTER COLUMN max_size TYPE numeric');
SELECT after('ALTER TABLE cache_namespaces DROP COLUMN loader_owner');
SELECT after('ALTER TABLE cache_namespaces RENAME COLUMN max_size TO max_bytes');
SELECT after('ALTER TABLE cache_namespaces ADD COLUMN note text');
BEGIN;
ALTER TABLE cache_namespaces DROP CONSTRAINT cache_namespaces_default_ttl_check, ALTER COLUMN default_ttl TYPE text;
SELECT * FROM all_refusals();
ROLLBACK;
BEGIN;
ALTER TABLE cache_tags ALTER COLUMN generation TYPE numeric;
SELECT * FROM all_refusals();
ROLLBACK;

-- A query or a loader that alters a table itself, between the look at it and the store: what cannot be altered in use is
-- refused, and a trigger has its say.
CREATE FUNCTION command(text) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN EXECUTE $1; RETURN 1; END $$;
CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused by a trigger'; END $$;
CREATE FUNCTION within(command text) RETURNS jsonb LANGUAGE sql
    RETURN cache_get_or_set('altered:within', format('SELECT command(%L)', command), tags => '{t}');
SELECT within('ALTER TABLE cache_entries ALTER COLUMN created_at DROP DEFAULT, ALTER COLUMN created_at TYPE text');
SELECT within('ALTER TABLE cache_entries ALTER COLUMN value TYPE bigint USING 1');
SELECT within('ALTER TABLE cache_entries ADD COLUMN note text NOT NULL DEFAULT 5');
SELECT within('ALTER TABLE cache_entries ADD CONSTRAINT late CHECK (key <> ''altered:within'')');
SELECT within('ALTER TABLE cache_entries DROP CONSTRAINT cache_entries_pkey');
SELECT within('ALTER TABLE cache_entries SET UNLOGGED');
SELECT within('ALTER TABLE cache_tags ALTER COLUMN generation TYPE numeric');
SELECT within('TRUNCATE cache_entries');
SELECT within('TRUNCATE cache_tags');
SELECT within('CLUSTER cache_entries USING cache_entries_pkey');
SELECT within('SELECT cache_persistence(''unlogged'')');
SELECT within('DROP TABLE cache_tags CASCADE');
\set VERBOSITY terse
SET client_min_messages = error;
SELECT within('DROP EXTENSION cache_pg CASCADE');
RESET client_min_messages;
SELECT within('CREATE INDEX late ON cache_entries (expires_at)');
SELECT within('CREATE TRIGGER late BEFORE INSERT ON cache_entries FOR EACH ROW EXECUTE FUNCTION late()');
DROP TRIGGER late ON cache_entries;
-- So does a loader.
CREATE FUNCTION altering(key text) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN to_jsonb(command('ALTER TABLE cache_entries ALTER COLUMN value TYPE bigint USING 1'));
END
$$;
SELECT cache_configure('altered', loader => 'altering(text)');
SELECT cache_get_or_set('altered:loader');
\set VERBOSITY default
SELECT cache_get('altered:within'), cache_get('altered:loader');
DROP FUNCTION altering, within, late, command;

-- And all is well when it is altered back.
SELECT cache_set('altered:k', '1', tags => '{t}') IS NOT NULL, cache_get('altered:k');
SELECT cache_unconfigure('altered');
SELECT cache_clear() IS NOT NULL;
DROP TABLE altered_source;
DROP FUNCTION all_refusals, after, refusal;
