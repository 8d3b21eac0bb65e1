-- Rows of cache_namespaces that SQL wrote: a loader is called only where whoever named it has the rights of its owner.
CREATE ROLE regress_forger;
GRANT ALL ON cache_entries, cache_tags, cache_namespaces TO regress_forger;
GRANT CREATE ON SCHEMA public TO regress_forger;
CREATE FUNCTION secret(key text) RETURNS jsonb LANGUAGE sql STABLE RETURN to_jsonb(current_user::regrole::oid = 10);
SELECT cache_configure('rightful', loader => 'secret(text)', default_ttl => '1 hour');
CREATE VIEW loaders AS
    SELECT namespace, loader, loader_owner::regrole = current_user::regrole AS is_mine FROM cache_namespaces
    WHERE namespace IN ('forged', 'rightful', 'unknown') ORDER BY 1;
GRANT SELECT ON loaders TO regress_forger;
SET ROLE regress_forger;
INSERT INTO cache_namespaces (namespace, loader) VALUES ('forged', 'public.secret(text)');
INSERT INTO cache_namespaces (namespace, loader, loader_owner) VALUES ('forged', 'public.secret(text)', 10);
INSERT INTO cache_namespaces (namespace, loader_owner) VALUES ('forged', 10);
SELECT * FROM loaders;
UPDATE cache_namespaces SET loader = 'secret(text)' WHERE namespace = 'forged';
UPDATE cache_namespaces SET loader = 'secret(text)', loader_owner = 10 WHERE namespace = 'forged';
INSERT INTO cache_namespaces (namespace, loader) VALUES ('forged', 'secret(text)')
    ON CONFLICT (namespace) DO UPDATE SET loader = excluded.loader;
INSERT INTO cache_namespaces (namespace) VALUES ('forged')
    ON CONFLICT (namespace) DO UPDATE SET loader = 'secret(text)', loader_owner = 10;
MERGE INTO cache_namespaces AS n USING (VALUES ('forged')) AS v (namespace) ON n.namespace = v.namespace
    WHEN MATCHED THEN UPDATE SET loader = 'secret(text)', loader_owner = 10;
UPDATE cache_namespaces AS n SET loader = r.loader, loader_owner = r.loader_owner FROM cache_namespaces AS r
    WHERE n.namespace = 'forged' AND r.namespace = 'rightful';
UPDATE cache_namespaces SET namespace = 'forged2' WHERE namespace = 'rightful';
COPY cache_namespaces (namespace, loader, loader_owner) FROM stdin;
forged2	secret(text)	10
\.
SELECT * FROM loaders;
SELECT cache_get_or_set('forged:1');

-- What is no loader, or not there, is called by nobody.
INSERT INTO cache_namespaces (namespace, loader, loader_owner) VALUES ('unknown', 'public.unknown(text)', 10);
SELECT * FROM loaders;
SELECT cache_get_or_set('unknown:1');
RESET ROLE;
CREATE FUNCTION unknown(key text) RETURNS jsonb LANGUAGE sql STABLE RETURN '"secret"'::jsonb;
SET ROLE regress_forger;
SELECT cache_get_or_set('unknown:1');
-- Nor after a dump and a restore, which a role with more rights runs.
RESET ROLE;
CREATE TEMPORARY TABLE dump AS SELECT * FROM cache_namespaces WHERE namespace = 'unknown';
DELETE FROM cache_namespaces WHERE namespace = 'unknown';
INSERT INTO cache_namespaces SELECT * FROM dump;
DROP TABLE dump;
SELECT * FROM loaders;
SET ROLE regress_forger;
SELECT cache_get_or_set('unknown:1');
UPDATE cache_namespaces SET loader_owner = 10 WHERE namespace = 'unknown';
UPDATE cache_namespaces SET loader = 'pg_catalog.upper(text)', loader_owner = 10 WHERE namespace = 'unknown';
SELECT cache_get_or_set('unknown:1');
UPDATE cache_namespaces SET loader = 'no signature', loader_owner = 10 WHERE namespace = 'unknown' AND false;

-- One's own function is one's own to name. The name becomes a full one.
CREATE FUNCTION mine(key text) RETURNS jsonb LANGUAGE sql STABLE RETURN to_jsonb(current_user);
UPDATE cache_namespaces SET loader = 'mine(text)', loader_owner = 10 WHERE namespace = 'forged';
SELECT * FROM loaders;
SELECT cache_get_or_set('forged:1');
-- Other options of a namespace with somebody's loader may be changed.
UPDATE cache_namespaces SET default_ttl = '2 hours' WHERE namespace = 'rightful';
SELECT cache_get_or_set('rightful:1');
UPDATE cache_namespaces SET loader_owner = 'regress_forger'::regrole WHERE namespace = 'rightful';
RESET ROLE;
UPDATE cache_namespaces SET loader_owner = 'regress_forger'::regrole WHERE namespace = 'rightful';
SELECT * FROM loaders;
SET ROLE regress_forger;

-- Nor does a trigger help that changes the row after ours has seen it.
CREATE FUNCTION forge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    new.loader := 'public.secret(text)';
    new.loader_owner := 10;
    RETURN new;
END
$$;
CREATE FUNCTION peek() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() < 2 THEN
        BEGIN
            RAISE NOTICE 'peeked: %', cache_get_or_set(new.namespace || ':peek');
        EXCEPTION WHEN OTHERS THEN
            RAISE NOTICE '% %', sqlstate, sqlerrm;
        END;
        UPDATE cache_namespaces SET jitter = 0.5 WHERE namespace = new.namespace;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER zzz BEFORE INSERT OR UPDATE ON cache_namespaces FOR EACH ROW EXECUTE FUNCTION forge();
CREATE TRIGGER aaa AFTER INSERT OR UPDATE ON cache_namespaces FOR EACH ROW EXECUTE FUNCTION peek();
INSERT INTO cache_namespaces (namespace) VALUES ('forged3');
UPDATE cache_namespaces SET jitter = 0 WHERE namespace = 'forged';
-- Nor one that puts a name there which will be a loader's, with the owner that it will have.
CREATE OR REPLACE FUNCTION forge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    new.loader := 'public.later(text)';
    new.loader_owner := 10;
    RETURN new;
END
$$;
INSERT INTO cache_namespaces (namespace) VALUES ('forged3');
-- Nor one that takes the owner away, so that a restore would find another.
CREATE OR REPLACE FUNCTION forge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    new.loader := 'public.secret(text)';
    new.loader_owner := NULL;
    RETURN new;
END
$$;
INSERT INTO cache_namespaces (namespace) VALUES ('forged4');
SELECT cache_get_or_set('forged3:peek');
SELECT cache_get_or_set('forged:peek');
RESET ROLE;
DROP TRIGGER aaa ON cache_namespaces;
DROP TRIGGER zzz ON cache_namespaces;
-- A loader that was nobody's becomes one when a role that may configures it.
SELECT cache_configure('unknown', loader => 'unknown(text)');
SELECT * FROM loaders;
-- Until it is committed, a loader is for those who have the rights of its owner.
BEGIN;
SELECT cache_configure('rightful', loader => 'secret(text)');
SELECT cache_delete('rightful:1'), cache_get_or_set('rightful:1');
SELECT cache_delete('rightful:1');
SET ROLE regress_forger;
SELECT cache_get_or_set('rightful:1');
ROLLBACK;

-- Values that cache_configure would refuse.
INSERT INTO cache_namespaces (namespace, default_ttl) VALUES ('forged-odd', '-1 hour');
INSERT INTO cache_namespaces (namespace, stale_for) VALUES ('forged-odd', '-1 hour');
ALTER TABLE cache_namespaces DROP CONSTRAINT cache_namespaces_default_ttl_check, DROP CONSTRAINT cache_namespaces_stale_for_check,
    DROP CONSTRAINT cache_namespaces_jitter_check, DROP CONSTRAINT cache_namespaces_max_entries_check;
INSERT INTO cache_namespaces (namespace, default_ttl) VALUES ('forged-odd', '-1 hour');
SELECT cache_set('forged-odd:k', '1') - clock_timestamp() BETWEEN interval '4 minutes' AND interval '5 minutes' AS as_not_set;
UPDATE cache_namespaces SET default_ttl = '0' WHERE namespace = 'forged-odd';
SELECT cache_set('forged-odd:k', '1') - clock_timestamp() BETWEEN interval '4 minutes' AND interval '5 minutes' AS as_not_set;
UPDATE cache_namespaces SET default_ttl = '-1 month 1 microsecond' WHERE namespace = 'forged-odd';
SELECT cache_set('forged-odd:k', '1') - clock_timestamp() BETWEEN interval '4 minutes' AND interval '5 minutes' AS as_not_set;
UPDATE cache_namespaces SET default_ttl = '100000 years' WHERE namespace = 'forged-odd';
SELECT cache_set('forged-odd:k', '1') - clock_timestamp() BETWEEN interval '29 days' AND interval '30 days' AS is_bounded;
UPDATE cache_namespaces SET default_ttl = NULL, stale_for = '100000 years' WHERE namespace = 'forged-odd';
SELECT cache_set('forged-odd:k', '1') IS NOT NULL;
SELECT stale_until - expires_at BETWEEN interval '29 days' AND interval '30 days' AS is_bounded FROM cache_entry('forged-odd:k');
UPDATE cache_namespaces SET stale_for = '-100000 years', jitter = 'NaN', max_entries = -1 WHERE namespace = 'forged-odd';
SELECT cache_set('forged-odd:k', '1') - clock_timestamp() BETWEEN interval '4 minutes' AND interval '5 minutes' AS as_not_set;
SELECT stale_until = expires_at AS as_not_set FROM cache_entry('forged-odd:k');
UPDATE cache_namespaces SET jitter = '-Infinity' WHERE namespace = 'forged-odd';
SELECT cache_set('forged-odd:k', '1') - clock_timestamp() BETWEEN interval '4 minutes' AND interval '5 minutes' AS as_not_set;
DELETE FROM cache_namespaces WHERE namespace = 'forged-odd';
ALTER TABLE cache_namespaces
    ADD CONSTRAINT cache_namespaces_default_ttl_check CHECK (default_ttl > '0'),
    ADD CONSTRAINT cache_namespaces_stale_for_check CHECK (stale_for >= '0'),
    ADD CONSTRAINT cache_namespaces_jitter_check CHECK (jitter >= 0 AND jitter <= 1),
    ADD CONSTRAINT cache_namespaces_max_entries_check CHECK (max_entries > 0);

DELETE FROM cache_namespaces WHERE namespace IN ('forged', 'rightful', 'unknown');
SELECT cache_clear() IS NOT NULL;
REVOKE ALL ON cache_entries, cache_tags, cache_namespaces FROM regress_forger;
REVOKE CREATE ON SCHEMA public FROM regress_forger;
DROP VIEW loaders;
DROP FUNCTION secret, unknown, mine, forge, peek;
DROP ROLE regress_forger;
