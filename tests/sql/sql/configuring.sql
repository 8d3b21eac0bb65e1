-- What configures has nobody's rights but those of the current role, whoever evaluates what calls it.
CREATE ROLE regress_mallory;
CREATE ROLE regress_admin;
GRANT CREATE ON SCHEMA public TO regress_mallory;
GRANT EXECUTE ON FUNCTION cache_configure, cache_unconfigure, cache_persistence TO regress_mallory, regress_admin;
GRANT EXECUTE ON FUNCTION cache_watch, cache_unwatch TO regress_mallory;
GRANT SELECT, INSERT, UPDATE ON cache_entries TO regress_mallory;
CREATE FUNCTION secret(key text) RETURNS jsonb LANGUAGE sql STABLE RETURN to_jsonb(current_user = 'regress_mallory');

-- In an index expression, which a superuser's ANALYZE evaluates.
SET ROLE regress_mallory;
CREATE TABLE bait (a text);
INSERT INTO bait SELECT i FROM generate_series(1, 10) AS i;
CREATE FUNCTION spring(a text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    PERFORM public.cache_configure('mallory', loader => 'public.secret(text)');
    RETURN a;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE WARNING '%', sqlerrm;
    RETURN a;
END
$$;
CREATE INDEX ON bait (spring(a)) WHERE a = '1';
RESET ROLE;
ANALYZE bait;
REINDEX TABLE bait;
SET ROLE regress_mallory;
CREATE FUNCTION refreshes() RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    PERFORM public.cache_configure('mallory', default_ttl => '1 day'), public.cache_unconfigure('mallory');
    RETURN 1;
END
$$;
CREATE FUNCTION persists() RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    PERFORM public.cache_persistence('unlogged');
    RETURN 1;
END
$$;
CREATE MATERIALIZED VIEW bait_1 AS SELECT refreshes();
CREATE MATERIALIZED VIEW bait_2 AS SELECT persists();
CREATE MATERIALIZED VIEW bait_3 AS SELECT public.cache_watch('bait', '{a}') IS NULL AS watched;
CREATE MATERIALIZED VIEW bait_4 AS SELECT public.cache_unwatch('bait');
-- A function of theirs that runs with their rights, and none of whoever calls it.
CREATE FUNCTION lure() RETURNS void LANGUAGE sql SECURITY DEFINER AS $$ SELECT public.cache_configure('mallory', loader => 'public.secret(text)') $$;
RESET ROLE;
SELECT lure();
SELECT count(*) AS configured FROM cache_namespaces WHERE namespace = 'mallory';
-- EXECUTE is all that it takes.
SET ROLE regress_mallory;
SELECT cache_configure('mallory', default_ttl => '1 day');
SELECT cache_persistence('unlogged'), cache_persistence('logged');
SELECT cache_unconfigure('mallory');
SELECT * FROM cache_namespaces;

-- A trigger on the table runs as whoever configures, not as its owner.
RESET ROLE;
GRANT TRIGGER ON cache_namespaces TO regress_mallory;
SET ROLE regress_mallory;
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE 'as the owner: %', current_user = (SELECT relowner::regrole::text FROM pg_class WHERE oid = 'public.cache_namespaces'::regclass);
    RETURN new;
END
$$;
CREATE TRIGGER note BEFORE INSERT OR UPDATE OR DELETE ON cache_namespaces FOR EACH ROW EXECUTE FUNCTION note();
RESET ROLE;
GRANT SELECT, INSERT, UPDATE, DELETE ON cache_namespaces TO regress_admin;
SET ROLE regress_admin;
SELECT cache_configure('admin', default_ttl => '1 day');
SET ROLE regress_mallory;
SELECT cache_configure('admin', default_ttl => '2 days');
SELECT cache_unconfigure('admin');
RESET ROLE;
DROP TRIGGER note ON cache_namespaces;
SELECT default_ttl FROM cache_namespaces WHERE namespace = 'admin';
-- Nor does the condition of a trigger whose function is ours.
GRANT EXECUTE ON FUNCTION cache_namespaces_changed TO regress_mallory;
SET ROLE regress_mallory;
CREATE FUNCTION note(namespace text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE 'as the owner: %', current_user = (SELECT relowner::regrole::text FROM pg_class WHERE oid = 'public.cache_namespaces'::regclass);
    RETURN true;
END
$$;
CREATE TRIGGER note AFTER UPDATE ON cache_namespaces FOR EACH ROW WHEN (note(new.namespace)) EXECUTE FUNCTION cache_namespaces_changed();
SET ROLE regress_admin;
SELECT cache_configure('admin', default_ttl => '3 days');
RESET ROLE;
DROP TRIGGER note ON cache_namespaces;
REVOKE EXECUTE ON FUNCTION cache_namespaces_changed FROM regress_mallory;
-- A rule is the owner's own to make, and still runs as whoever configures.
CREATE RULE note AS ON UPDATE TO cache_namespaces DO ALSO NOTIFY noted;
SET ROLE regress_mallory;
SELECT cache_configure('admin', default_ttl => '4 days');
RESET ROLE;
DROP RULE note ON cache_namespaces;

SELECT cache_unconfigure('admin');
REVOKE ALL ON cache_namespaces, cache_entries FROM regress_mallory, regress_admin;
REVOKE EXECUTE ON FUNCTION cache_configure, cache_unconfigure, cache_persistence FROM regress_mallory, regress_admin;
REVOKE EXECUTE ON FUNCTION cache_watch, cache_unwatch FROM regress_mallory;
REVOKE CREATE ON SCHEMA public FROM regress_mallory;
DROP FUNCTION secret;
SET client_min_messages = error;
DROP OWNED BY regress_mallory CASCADE;
DROP ROLE regress_mallory, regress_admin;
