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
CREATE FUNCTION all_refusals() RETURNS TABLE (told text, calls bigint) LANGUAGE sql AS $$
    SELECT * FROM (SELECT refusal(call), count(*)
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
    ) AS all_told (told, calls) ORDER BY calls DESC, told COLLATE "C"
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
-- Unless no row can be written without them.
SELECT after('TRUNCATE cache_entries; ALTER TABLE cache_entries ADD COLUMN note text NOT NULL');
SELECT after('TRUNCATE cache_entries; ALTER TABLE cache_entries ADD COLUMN note text PRIMARY KEY, DROP CONSTRAINT cache_entries_pkey');

-- Every verb does what it says or raises: what cannot be done is not passed over. Says what did not come about.
CREATE FUNCTION verbs() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    token text;
    failed text := '';
BEGIN
    SELECT f.token INTO token FROM cache_fetch('altered:f') AS f;
    failed := failed || CASE WHEN token IS NULL THEN 'fetch ' ELSE '' END;
    failed := failed || CASE WHEN cache_fill('altered:f', '1', token, tags => '{t}') THEN '' ELSE 'fill ' END;
    SELECT f.token INTO token FROM cache_fetch('altered:r') AS f;
    failed := failed || CASE WHEN cache_release('altered:r', token) THEN '' ELSE 'release ' END;
    failed := failed || CASE WHEN cache_get_or_set('altered:c', 'SELECT 2', tags => '{t}') = '2' THEN '' ELSE 'get_or_set ' END;
    PERFORM cache_set('altered:s', '3', tags => '{t}');
    failed := failed || CASE WHEN cache_get('altered:s') = '3' THEN '' ELSE 'set ' END;
    failed := failed || CASE WHEN cache_touch('altered:s') THEN '' ELSE 'touch ' END;
    failed := failed || CASE WHEN cache_add('altered:a', '4') AND NOT cache_add('altered:a', '5') THEN '' ELSE 'add ' END;
    failed := failed || CASE WHEN cache_incr('altered:i') + cache_incr('altered:i') = 3 THEN '' ELSE 'incr ' END;
    failed := failed || CASE WHEN cache_take('altered:a') = '4' THEN '' ELSE 'take ' END;
    failed := failed || CASE WHEN cache_exists('altered:a') THEN 'taken ' ELSE '' END;
    failed := failed || CASE WHEN (SELECT count(*) FROM cache_get_many('{altered:f,altered:c,altered:s}')) = 3 THEN '' ELSE 'get_many ' END;
    PERFORM cache_invalidate_tags('t');
    failed := failed || CASE WHEN EXISTS (SELECT FROM cache_get_many('{altered:f,altered:c,altered:s}')) THEN 'invalidate ' ELSE '' END;
    failed := failed || CASE WHEN cache_delete('altered:i') THEN '' ELSE 'delete ' END;
    failed := failed || CASE WHEN cache_exists('altered:i') THEN 'deleted ' ELSE '' END;
    PERFORM cache_set_many('{"altered:x": 1, "altered:y": 2}');
    failed := failed || CASE WHEN cache_clear('altered') = 2 THEN '' ELSE 'clear ' END;
    failed := failed || CASE WHEN cache_exists('altered:x') THEN 'cleared ' ELSE '' END;
    RETURN coalesce('failed: ' || nullif(failed, ''), 'nothing failed');
END
$$;
CREATE FUNCTION verbs_or_error() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN verbs();
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
\set and_sweep 'UPDATE cache_entries SET expires_at = \'-infinity\', stale_until = NULL, lease_until = NULL, lease_id = NULL; SELECT cache_sweep(100000) > 0; SELECT count(*) FROM cache_entries;'
SELECT cache_clear() IS NOT NULL;
SELECT verbs(); :and_sweep
ALTER TABLE cache_entries ADD COLUMN note text;
SELECT verbs(); :and_sweep
ALTER TABLE cache_entries DROP COLUMN note;
SELECT verbs(); :and_sweep
ALTER TABLE cache_entries ADD COLUMN note text NOT NULL DEFAULT 'n', ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY,
    ADD COLUMN size integer NOT NULL GENERATED ALWAYS AS (octet_length(key)) STORED;
SELECT verbs(); :and_sweep
ALTER TABLE cache_entries ALTER COLUMN note DROP DEFAULT;
SELECT verbs_or_error();
ALTER TABLE cache_entries DROP COLUMN note, DROP COLUMN number, DROP COLUMN size;
CREATE INDEX further ON cache_entries (updated_at);
CREATE INDEX further_of_tags ON cache_tags (version);
SELECT verbs(); :and_sweep
DROP INDEX further, further_of_tags;
ALTER TABLE cache_entries ADD CONSTRAINT further CHECK (octet_length(key) < 500);
SELECT verbs(); :and_sweep
-- A constraint of somebody's is told, by whatever function meets it.
ALTER TABLE cache_entries DROP CONSTRAINT further, ADD CONSTRAINT further CHECK (lease_id IS NULL);
SELECT verbs_or_error();
ALTER TABLE cache_entries DROP CONSTRAINT further, ADD CONSTRAINT further CHECK (value <> '1');
SELECT verbs_or_error();
ALTER TABLE cache_entries DROP CONSTRAINT further, ADD CONSTRAINT further CHECK (value <> '2');
SELECT verbs_or_error();
ALTER TABLE cache_entries DROP CONSTRAINT further;
CREATE DOMAIN never_null AS text NOT NULL;
ALTER TABLE cache_entries ADD COLUMN note never_null;
SELECT verbs_or_error();
ALTER TABLE cache_entries DROP COLUMN note;
DROP DOMAIN never_null;
CREATE UNIQUE INDEX further ON cache_entries (created_at, (key IS NOT NULL));
SELECT refusal('SELECT cache_set_many(''{"altered:x": 1, "altered:y": 2}'')') ~ '^23505';
DROP INDEX further;
-- So is a table that no computed value can be stored in.
CREATE ACCESS METHOD regress_heap TYPE TABLE HANDLER heap_tableam_handler;
ALTER TABLE cache_entries SET ACCESS METHOD regress_heap;
SELECT verbs_or_error();
SELECT refusal('SELECT cache_get_or_set(''altered:none'', ''SELECT 1'')');
SELECT refusal('SELECT cache_sweep()');
ALTER TABLE cache_entries SET ACCESS METHOD heap;
DROP ACCESS METHOD regress_heap;
SELECT cache_clear() IS NOT NULL;
SELECT verbs(); :and_sweep
SELECT cache_set('altered:k', '1', tags => '{t}') IS NOT NULL;

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

BEGIN;
DROP INDEX cache_tags_tag;
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

-- A column of ours that takes no NULL any more keeps out what the cache would write there.
BEGIN;
TRUNCATE cache_entries;
ALTER TABLE cache_entries ALTER COLUMN tags SET NOT NULL;
\set VERBOSITY terse
SELECT cache_set('altered:null', '1');
\set VERBOSITY default
ROLLBACK;

-- And all is well when it is altered back.
SELECT cache_set('altered:k', '1', tags => '{t}') IS NOT NULL, cache_get('altered:k');
SELECT cache_unconfigure('altered');
SELECT cache_clear() IS NOT NULL;
DROP TABLE altered_source;
DROP FUNCTION all_refusals, after, verbs, verbs_or_error, refusal;
