//! Loader functions: what one may return, whose rights it runs with, and what it leaves behind.

use anyhow::Result;
use cache_pg_attack_tests::{DML, Scene, everything, run};

const MAY_CONFIGURE: &str = "GRANT EXECUTE ON FUNCTION cache_configure, cache_unconfigure TO {role}";

fn yes() -> Result<Option<String>, String> {
    Ok(Some("t".to_owned()))
}

#[test]
fn a_loader_that_was_made_again_with_another_type_hands_out_no_memory() -> Result<()> {
    let mut scene = Scene::new("retyped")?;
    let mut app = scene.role("app", &format!("{DML}; {MAY_CONFIGURE}"))?;
    let loader = "CREATE FUNCTION load(text) RETURNS jsonb LANGUAGE sql STABLE AS $$SELECT '1'::jsonb$$";
    for (number, other) in [
        "CREATE FUNCTION load(text) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 4096::bigint'",
        "CREATE FUNCTION load(text) RETURNS bytea LANGUAGE sql STABLE AS $$SELECT '\\x0100005000f0000041424344'::bytea$$",
        "CREATE FUNCTION load(text) RETURNS text LANGUAGE sql STABLE AS $$SELECT 'a'::text$$",
        "CREATE FUNCTION load(text) RETURNS void LANGUAGE sql STABLE AS ''",
        "CREATE FUNCTION load(text) RETURNS record LANGUAGE sql STABLE AS 'SELECT 1, 2'",
        "CREATE FUNCTION load(text) RETURNS SETOF jsonb LANGUAGE sql STABLE AS $$VALUES ('1'::jsonb), ('2')$$",
        "CREATE FUNCTION load(text, int DEFAULT 1) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 4096::bigint'",
        "CREATE FUNCTION load(VARIADIC text[]) RETURNS jsonb LANGUAGE sql STABLE AS $$SELECT '1'::jsonb$$",
        "CREATE PROCEDURE load(text) LANGUAGE sql AS ''",
        "CREATE AGGREGATE load(text) (SFUNC = textcat, STYPE = text)",
        "SELECT 1",
    ]
    .into_iter()
    .enumerate()
    {
        app.batch_execute(&format!("{loader}; SELECT cache_configure('n{number}', loader => 'load(text)'::regprocedure)"))?;
        assert_eq!(run(&mut app, &format!("SELECT cache_get_or_set('n{number}:a')"))?, Ok(Some("1".to_owned())));
        app.batch_execute(&format!("DROP FUNCTION load(text); {other}"))?;
        let outcome = run(&mut app, &format!("SELECT cache_get_or_set('n{number}:b')"))?;
        assert!(outcome.is_err(), "{other}: {outcome:?}");
        assert_eq!(run(&mut app, &format!("SELECT cache_get('n{number}:b') IS NULL"))?, yes(), "{other}");
        app.batch_execute("DROP ROUTINE IF EXISTS load(text), load(text, int), load(text[])")?;
    }
    scene.unharmed()
}

#[test]
fn a_loader_that_somebody_else_owns_by_now_is_not_called() -> Result<()> {
    let mut scene = Scene::new("handed")?;
    let mut app = scene.role("app", &format!("{DML}; {MAY_CONFIGURE}"))?;
    let schema = scene.role_name("app");
    app.batch_execute(
        "CREATE FUNCTION load(text) RETURNS jsonb LANGUAGE sql STABLE AS $$SELECT to_jsonb(current_user::text)$$;
         SELECT cache_configure('n', loader => 'load(text)'::regprocedure)",
    )?;
    assert_eq!(run(&mut app, "SELECT cache_get_or_set('n:a')")?, Ok(Some(format!("\"{schema}\""))));
    scene.owner.batch_execute(&format!("ALTER FUNCTION {schema}.load(text) OWNER TO postgres"))?;
    let outcome = run(&mut app, "SELECT cache_get_or_set('n:b')")?;
    assert!(outcome.is_err(), "{outcome:?}");
    // Made again by a superuser under its name, it is another function.
    scene.owner.batch_execute(&format!(
        "DROP FUNCTION {schema}.load(text);
         CREATE FUNCTION {schema}.load(text) RETURNS jsonb LANGUAGE sql STABLE AS $$SELECT to_jsonb(current_user::text)$$"
    ))?;
    let outcome = run(&mut app, "SELECT cache_get_or_set('n:b')")?;
    assert!(outcome.is_err(), "{outcome:?}");
    scene.unharmed()
}

#[test]
fn nobody_configures_a_loader_of_somebody_else_not_even_by_plain_sql() -> Result<()> {
    let mut scene = Scene::new("forged")?;
    let mut app = scene.role("app", &format!("{}; {MAY_CONFIGURE}", everything()))?;
    scene.owner.batch_execute(
        "CREATE SCHEMA private;
         CREATE FUNCTION private.secret(text) RETURNS jsonb LANGUAGE sql STABLE AS $$SELECT to_jsonb(current_user::text)$$;
         GRANT USAGE ON SCHEMA private TO PUBLIC;
         REVOKE ALL ON FUNCTION private.secret(text) FROM PUBLIC",
    )?;
    let configure = "SELECT cache_configure('n', loader => 'private.secret(text)'::regprocedure)";
    assert_eq!(run(&mut app, configure)?, Err("42501".to_owned()));
    for forge in [
        "INSERT INTO cache_namespaces (namespace, loader) VALUES ('n', 'private.secret(text)')",
        "INSERT INTO cache_namespaces (namespace) VALUES ('n') ON CONFLICT DO NOTHING;
         UPDATE cache_namespaces SET loader = 'private.secret(text)' WHERE namespace = 'n'",
        "INSERT INTO cache_namespaces (namespace, loader) VALUES ('n', 'private.secret(pg_catalog.text)')",
        "INSERT INTO cache_namespaces (namespace, loader) VALUES ('n', 'secret(text)')",
        "INSERT INTO cache_namespaces (namespace, loader) VALUES ('n', 'pg_catalog.to_jsonb(text)')",
        "INSERT INTO cache_namespaces (namespace, loader) VALUES ('n', 'private.secret(text)); SELECT (1')",
    ] {
        run(&mut app, forge)?.ok();
        let outcome = run(&mut app, "SELECT cache_get_or_set('n:a')")?;
        assert!(outcome.is_err(), "{forge}: {outcome:?}");
        run(&mut app, "DELETE FROM cache_namespaces")?.ok();
    }
    scene.unharmed()
}

/// A BEFORE trigger that fires after ours, or a rule, could put a loader behind the check of it.
#[test]
fn a_trigger_on_the_namespaces_puts_no_loader_behind_the_check() -> Result<()> {
    let mut scene = Scene::new("behind_check")?;
    let mut app = scene.role("app", &everything())?;
    scene.owner.batch_execute(
        "CREATE SCHEMA private;
         CREATE FUNCTION private.secret(text) RETURNS jsonb LANGUAGE sql STABLE AS $$SELECT to_jsonb(current_user::text)$$;
         GRANT USAGE ON SCHEMA private TO PUBLIC;
         REVOKE ALL ON FUNCTION private.secret(text) FROM PUBLIC",
    )?;
    app.batch_execute(
        "CREATE FUNCTION forge() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
             NEW := jsonb_populate_record(NEW, '{\"loader\": \"private.secret(text)\", \"loader_owner\": \"10\"}');
             RETURN NEW;
         END$$;
         CREATE TRIGGER zzz BEFORE INSERT OR UPDATE ON cache_namespaces FOR EACH ROW EXECUTE FUNCTION forge();
         CREATE TRIGGER \"Aaa\" BEFORE INSERT OR UPDATE ON cache_namespaces FOR EACH ROW EXECUTE FUNCTION forge()",
    )?;
    for write in [
        "INSERT INTO cache_namespaces (namespace) VALUES ('n')",
        "UPDATE cache_namespaces SET jitter = 0.5 WHERE namespace = 'n'",
    ] {
        run(&mut app, write)?.ok();
        let outcome = run(&mut app, "SELECT cache_get_or_set('n:a')")?;
        assert!(outcome.is_err(), "{write}: {outcome:?}");
    }
    scene.unharmed()
}

/// PostgreSQL evaluates the expression of an index as the table's owner while a superuser analyses the table, and the
/// session's user is the superuser.
#[test]
fn no_maintenance_of_a_superuser_configures_a_loader_for_somebody_else() -> Result<()> {
    let mut scene = Scene::new("analysed")?;
    let mut app = scene.role("app", &format!("{DML}; {MAY_CONFIGURE}"))?;
    scene.owner.batch_execute(
        "CREATE FUNCTION secret(text) RETURNS jsonb LANGUAGE sql STABLE AS $$SELECT to_jsonb(current_user::text)$$;
         REVOKE ALL ON FUNCTION secret(text) FROM PUBLIC",
    )?;
    app.batch_execute(
        "CREATE TABLE mine (id int);
         CREATE FUNCTION configure(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 1; END';
         CREATE INDEX ON mine (configure(id));
         INSERT INTO mine VALUES (1);
         CREATE OR REPLACE FUNCTION configure(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$BEGIN
             PERFORM public.cache_configure('n', loader => 'public.secret(text)'::regprocedure);
             PERFORM public.cache_configure('m', jitter => 1);
             RETURN 1;
         EXCEPTION WHEN OTHERS THEN RETURN 1; END$$",
    )?;
    scene.owner.batch_execute(&format!("ANALYZE {}.mine", scene.role_name("app")))?;
    scene.owner.batch_execute(&format!("REINDEX TABLE {}.mine", scene.role_name("app")))?;
    assert_eq!(scene.get::<i64>("SELECT count(*) FROM cache_namespaces")?, 0);
    let outcome = run(&mut app, "SELECT cache_get_or_set('n:a')")?;
    assert!(outcome.is_err(), "{outcome:?}");
    scene.unharmed()
}

#[test]
fn a_loader_leaves_nothing_behind_in_the_session_of_its_caller() -> Result<()> {
    let mut scene = Scene::new("leftovers")?;
    let mut author = scene.role("author", MAY_CONFIGURE)?;
    let mut app = scene.role("app", DML)?;
    scene.owner.batch_execute(&format!("GRANT USAGE ON SCHEMA {} TO PUBLIC", scene.role_name("author")))?;
    let body = "BEGIN PERFORM {act}; RETURN to_jsonb(true); END";
    for (number, act) in [
        "set_config('search_path', 'evil', false)",
        "set_config('search_path', 'evil', true)",
        "set_config('app.tenant', 'other', false)",
        "set_config('cache_pg.default_ttl', '1', false)",
        "set_config('statement_timeout', '1', false)",
        "set_config('default_transaction_read_only', 'on', false)",
        "set_config('session_replication_role', 'replica', false)",
        "set_config('role', 'none', false)",
        "pg_advisory_lock(4711)",
        "pg_advisory_lock_shared(4711)",
        "pg_advisory_lock(47, 11)",
        "pg_try_advisory_lock(4711)",
        "pg_advisory_lock(4711), pg_advisory_lock(4711), pg_advisory_lock_shared(4711)",
        "setseed(0.5)",
        "pg_notify('cache_pg', 'x')",
    ]
    .into_iter()
    .enumerate()
    {
        for (way, ending) in [("returns", ""), ("raises", "RAISE EXCEPTION 'no';")] {
            let body = body.replace("{act}", act).replace("RETURN", &format!("{ending} RETURN"));
            let name = format!("{way}_{number}");
            author.batch_execute(&format!(
                "CREATE FUNCTION {name}(text) RETURNS jsonb LANGUAGE plpgsql STABLE AS $${body}$$;
                 SELECT cache_configure('{name}', loader => '{name}(text)'::regprocedure)"
            ))?;
            let state = "SELECT jsonb_build_array(current_setting('search_path'), current_setting('app.tenant', true),
                    current_setting('cache_pg.default_ttl'), current_setting('statement_timeout'),
                    current_setting('default_transaction_read_only'), current_setting('role'), current_user,
                    (SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'))::text";
            app.batch_execute("SET app.tenant = 'mine'")?;
            let before = run(&mut app, state)?;
            run(&mut app, &format!("SELECT cache_get_or_set('{name}:a')"))?.ok();
            assert_eq!(run(&mut app, state)?, before, "{act}, {way}");
        }
    }
    // What the caller held, it still holds.
    let mine = "SELECT pg_advisory_lock(4711)";
    app.batch_execute(mine)?;
    run(&mut app, "SELECT cache_get_or_set('returns_8:b')")?.ok();
    let held = "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'";
    assert_eq!(run(&mut app, held)?, Ok(Some("1".to_owned())));
    scene.unharmed()
}

#[test]
fn a_loader_runs_nobody_elses_code_with_its_authors_rights() -> Result<()> {
    let mut scene = Scene::new("shadowed")?;
    scene.owner.batch_execute(
        "CREATE FUNCTION load(key text) RETURNS jsonb LANGUAGE plpgsql STABLE AS
             'BEGIN RETURN to_jsonb(helper(key)); END';
         CREATE FUNCTION helper(text) RETURNS text LANGUAGE sql STABLE AS $$SELECT 'honest'$$;
         SELECT cache_configure('n', loader => 'load(text)'::regprocedure)",
    )?;
    let mut app = scene.role("app", &format!("{DML}; GRANT TEMP ON DATABASE shadowed TO {{role}}"))?;
    app.batch_execute(
        "CREATE FUNCTION helper(text) RETURNS text LANGUAGE sql STABLE AS $$SELECT current_user::text$$;
         CREATE FUNCTION to_jsonb(text) RETURNS jsonb LANGUAGE sql STABLE AS $$SELECT '\"seized\"'::jsonb$$;
         CREATE FUNCTION pg_temp.helper(text) RETURNS text LANGUAGE sql STABLE AS $$SELECT current_user::text$$;
         CREATE TEMP TABLE cache_entries (key text, value jsonb)",
    )?;
    app.batch_execute(&format!("SET search_path = {}, pg_catalog, public", scene.role_name("app")))?;
    assert_eq!(run(&mut app, "SELECT public.cache_get_or_set('n:a')")?, Ok(Some("\"honest\"".to_owned())));
    scene.unharmed()
}
