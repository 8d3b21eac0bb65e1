//! Ways in that no review has listed yet: settings, maintenance by a superuser, grants on columns, objects that are there
//! before the extension is.

use anyhow::{Result, anyhow};
use cache_pg_attack_tests::{DML, Scene, everything, run};
use cache_pg_server_tests::{PATIENCE, get, server, swift_server};
use xtask::cluster::{poll, wait_for};

#[test]
fn a_privilege_on_a_column_opens_no_function() -> Result<()> {
    let mut scene = Scene::new("columns")?;
    scene.owner.batch_execute("SELECT cache_set('k', '\"secret\"', '1 hour')")?;
    let mut app = scene.role("app", "GRANT SELECT (key), INSERT (key), UPDATE (key) ON cache_entries TO {role}")?;
    for under_policy in [false, true] {
        if under_policy {
            scene.owner.batch_execute(
                "ALTER TABLE cache_entries ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON cache_entries USING (true)",
            )?;
        }
        for call in [
            "cache_get('k')",
            "cache_exists('k')",
            "cache_entry('k')",
            "cache_keys()",
            "cache_get_many('{k}')",
            "cache_ttl('k')",
            "cache_set('k', '1')",
            "cache_incr('n')",
            "cache_get_or_set('k', 'SELECT 1')",
            "cache_fetch('k')",
            "cache_take('k')",
            "cache_delete('k')",
            "cache_clear()",
            "cache_invalidate_tags('t')",
            "cache_sweep()",
            "cache_tags_hold('{t}', '{0}')",
        ] {
            assert_eq!(run(&mut app, &format!("SELECT {call}"))?, Err("42501".to_owned()), "{call}");
        }
    }
    scene.unharmed()
}

/// An event trigger runs inside every command that makes or changes a table, whoever gives it.
#[test]
fn no_command_of_anybody_fails_for_what_is_watched() -> Result<()> {
    let mut scene = Scene::new("commands")?;
    scene.owner.batch_execute("CREATE TABLE menu (id int); SELECT cache_watch('menu', ARRAY['a:{id}'])")?;
    let mut nobody = scene.role("nobody", "GRANT TEMP, CREATE ON DATABASE commands TO {role}")?;
    for command in [
        "CREATE TABLE a (id int)",
        "CREATE TEMP TABLE b (id int) ON COMMIT DROP",
        "CREATE TABLE c AS SELECT 1 AS id",
        "SELECT 1 AS id INTO d",
        "CREATE TABLE e (id int) PARTITION BY LIST (id)",
        "CREATE TABLE e1 PARTITION OF e FOR VALUES IN (1)",
        "ALTER TABLE e DETACH PARTITION e1",
        "ALTER TABLE e ATTACH PARTITION e1 FOR VALUES IN (2)",
        "CREATE TABLE f () INHERITS (a)",
        "ALTER TABLE f NO INHERIT a",
        "ALTER TABLE a ADD COLUMN more text",
        "ALTER TABLE a ALTER COLUMN more TYPE varchar USING more::varchar",
        "ALTER TABLE a RENAME COLUMN more TO less",
        "ALTER TABLE a DROP COLUMN less",
        "ALTER TABLE a RENAME TO g",
        "CREATE SCHEMA commands_other CREATE TABLE h (id int) CREATE VIEW i AS SELECT 1",
        "ALTER TABLE g SET SCHEMA commands_other",
        "DROP SCHEMA commands_other CASCADE",
        "SET search_path = ''; CREATE TABLE commands_nobody.j (id int); RESET search_path",
        "DO $$BEGIN CREATE TABLE k (id int); DROP TABLE k; END$$",
        "BEGIN; CREATE TABLE l (id int); ROLLBACK",
        "DROP TABLE c, d, e, f, j",
    ] {
        let outcome = run(&mut nobody, command)?;
        assert!(outcome.is_ok(), "{command}: {outcome:?}");
    }
    scene.unharmed()
}

/// While a superuser maintains a table of somebody's, its functions run as its owner, and so do ours in them.
#[test]
fn no_maintenance_of_a_superuser_lends_a_function_rights_on_the_entries() -> Result<()> {
    let mut scene = Scene::new("maintained")?;
    scene.owner.batch_execute("SELECT cache_set('secret', '\"value\"', '1 hour', '{t}')")?;
    let mut app = scene.role("app", "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {role}")?;
    app.batch_execute(
        "CREATE TABLE mine (id int); INSERT INTO mine VALUES (1);
         CREATE FUNCTION act(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 1; END';
         CREATE INDEX ON mine (act(id));
         CREATE MATERIALIZED VIEW seen AS SELECT act(id) FROM mine;
         CREATE TABLE caught (what text)",
    )?;
    let mine = scene.role_name("app");
    for call in [
        "SELECT public.cache_get('secret')",
        "SELECT public.cache_get_or_null('secret')",
        "SELECT public.cache_set('secret', '1')",
        "SELECT public.cache_try_set('secret', '1')",
        "SELECT public.cache_delete('secret')",
        "SELECT public.cache_take('secret')",
        "SELECT public.cache_clear()",
        "SELECT public.cache_invalidate_tags('t')",
        "SELECT public.cache_get_or_set('x', 'SELECT rolpassword FROM pg_authid')",
        "SELECT public.cache_configure('n', jitter => 1)",
        "SELECT public.cache_persistence('unlogged')",
        "SELECT public.cache_watch('public.menu', ARRAY['a'])",
        "SELECT public.cache_unwatch('public.menu')",
        "SELECT public.cache_keys()",
        "SELECT public.cache_sweep()",
    ] {
        app.batch_execute(&format!(
            "CREATE OR REPLACE FUNCTION act(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$DECLARE found text; BEGIN
                 EXECUTE {} INTO found;
                 IF found LIKE '%value%' THEN RAISE NOTICE 'caught %', found; RETURN 2; END IF;
                 RETURN 1;
             EXCEPTION WHEN OTHERS THEN RETURN 1; END$$",
            format_args!("$call${call}$call$")
        ))?;
        for maintenance in
            ["ANALYZE {}.mine", "REINDEX TABLE {}.mine", "REFRESH MATERIALIZED VIEW {}.seen", "VACUUM FULL {}.mine"]
        {
            let outcome = run(&mut scene.owner, &maintenance.replace("{}", &mine))?;
            assert!(outcome.is_ok(), "{call}: {outcome:?}");
        }
        assert_eq!(run(&mut app, "SELECT count(*) FROM seen WHERE act <> 1")?, Ok(Some("0".to_owned())), "{call}");
        assert!(scene.get::<bool>("SELECT cache_get('secret') = '\"value\"'")?, "{call}");
    }
    assert_eq!(scene.get::<i64>("SELECT count(*) FROM cache_namespaces")?, 0);
    scene.unharmed()
}

/// The owner of a database may give it settings, which reach the sweeper as well.
#[test]
fn no_setting_of_a_database_keeps_the_sweeper_from_its_work() -> Result<()> {
    for (name, settings) in [
        (
            "settled",
            &[
                "default_transaction_read_only = on",
                "default_transaction_deferrable = on",
                "row_security = off",
                "statement_timeout = 1",
                "lock_timeout = 1",
                "search_path = ''",
                "enable_tidscan = off",
                "timezone = 'Asia/Kathmandu'",
                "cache_pg.default_ttl = 1",
                "synchronous_commit = remote_apply",
            ][..],
        ),
        ("settled_strictly", &["default_transaction_isolation = 'serializable'"]),
    ] {
        let mut scene = Scene::new(name)?;
        let mut app = scene.role("app", &format!("ALTER DATABASE {name} OWNER TO {{role}}"))?;
        for setting in settings {
            app.batch_execute(&format!("ALTER DATABASE {name} SET {setting}"))?;
        }
        // A sweeper that is at work has the settings of before.
        scene.owner.batch_execute(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'cache_pg sweeper' AND datname = '{name}'"
        ))?;
        scene.write_due()?;
        poll(PATIENCE, "what is due to be removed", || {
            scene.wake()?;
            scene.get("SELECT count(*) = 0 FROM cache_entries WHERE key <> 'due:wake'")
        })?;
        scene.unharmed()?;
    }
    Ok(())
}

/// Before the library is loaded a session's setting is a word that anybody may set.
#[test]
fn no_setting_from_before_the_library_was_loaded_lifts_a_limit() -> Result<()> {
    let cluster = server()?.preload(false).start()?;
    let mut owner = cache_pg_server_tests::create_extension(&cluster, "postgres")?;
    owner.batch_execute("CREATE ROLE app LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON cache_entries TO app")?;
    for early in [
        "SET cache_pg.max_ttl = 0; SET cache_pg.max_value_size = '1GB'",
        "BEGIN; SET LOCAL cache_pg.max_ttl = 0; SET LOCAL cache_pg.max_value_size = '1GB'",
        "SELECT set_config('cache_pg.max_ttl', '0', false), set_config('cache_pg.max_value_size', '1GB', false)",
        "ALTER ROLE app SET cache_pg.max_ttl = 0",
        "ALTER ROLE app SET cache_pg.max_value_size = '1GB'",
        "SET cache_pg.max_ttl = 'nonsense'",
    ] {
        let mut app = cluster.connect_as("app", "postgres")?;
        run(&mut app, early)?.ok();
        let mut later = cluster.connect_as("app", "postgres")?;
        for client in [&mut app, &mut later] {
            let long = run(client, "SELECT cache_set('a', '1', '100 years')")?;
            assert!(matches!(long.as_ref().map_err(String::as_str), Err("22023" | "25P02")), "{early}: {long:?}");
            let large = run(client, "SELECT cache_set('a', to_jsonb(repeat(md5(random()::text), 100000)))")?;
            assert!(matches!(large.as_ref().map_err(String::as_str), Err("54000" | "25P02")), "{early}: {large:?}");
        }
    }
    Ok(())
}

/// Objects with the names of ours, made by somebody who may create in the schema, before the extension is there.
#[test]
fn no_object_that_was_there_before_is_taken_into_the_extension() -> Result<()> {
    let cluster = swift_server()?.conf("cache_pg.max_workers", "0").start()?;
    let mut superuser = cluster.connect("postgres")?;
    superuser.batch_execute("CREATE ROLE app LOGIN; GRANT CREATE ON SCHEMA public TO app")?;
    let mut app = cluster.connect_as("app", "postgres")?;
    for planted in [
        "TABLE cache_entries (key text PRIMARY KEY)",
        "TABLE cache_tags (tag text)",
        "TABLE cache_namespaces (namespace text)",
        "VIEW cache_stats AS SELECT 1 AS a",
        "FUNCTION cache_watch_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "FUNCTION cache_get(text) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb'",
        "FUNCTION cache_set(text, jsonb, interval, text[], timestamptz) RETURNS timestamptz LANGUAGE sql AS 'SELECT now()'",
        "FUNCTION cache_stats() RETURNS SETOF int LANGUAGE sql AS 'SELECT 1'",
        "FUNCTION cache_stats(int DEFAULT 1) RETURNS SETOF int LANGUAGE sql AS 'SELECT 1'",
    ] {
        app.batch_execute(&format!("CREATE {planted}"))?;
        let outcome = run(&mut superuser, "CREATE EXTENSION cache_pg")?;
        assert!(outcome.is_err(), "{planted}: {outcome:?}");
        let kind = planted.split(' ').next().ok_or_else(|| anyhow!("no kind"))?;
        let name = planted.split([' ', '(']).nth(1).ok_or_else(|| anyhow!("no name"))?;
        app.batch_execute(&format!("DROP {kind} {name}"))?;
    }
    // What is not in the way stays what it is: somebody else's.
    app.batch_execute(
        "CREATE FUNCTION cache_set(text, jsonb, interval, anyarray) RETURNS timestamptz LANGUAGE sql AS $$SELECT '2000-01-01'::timestamptz$$;
         CREATE DOMAIN text AS pg_catalog.text CHECK (VALUE = 'x'); CREATE DOMAIN jsonb AS pg_catalog.jsonb CHECK (VALUE IS NULL)",
    )?;
    superuser.batch_execute("CREATE EXTENSION cache_pg")?;
    assert!(get::<bool>(&mut superuser, "SELECT cache_set('a', '1', '1 hour'::pg_catalog.text) > now()")?);
    Ok(())
}

#[test]
fn the_extension_can_be_told_into_another_schema_and_nobody_takes_its_place() -> Result<()> {
    let mut scene = Scene::new("moved")?;
    let mut app =
        scene.role("app", &format!("{DML}; GRANT CREATE ON SCHEMA public TO {{role}}; CREATE SCHEMA away"))?;
    scene.owner.batch_execute("SELECT cache_set('k', '1', '1 hour')")?;
    let moved = run(&mut scene.owner, "ALTER EXTENSION cache_pg SET SCHEMA away")?;
    let schema = if moved.is_ok() { "away" } else { "public" };
    scene.owner.batch_execute(&format!("GRANT USAGE ON SCHEMA {schema} TO PUBLIC"))?;
    for table in ["cache_entries", "cache_tags", "cache_namespaces"] {
        run(&mut app, &format!("CREATE TABLE public.{table} (LIKE {schema}.{table})"))?.ok();
    }
    run(&mut app, "INSERT INTO public.cache_entries (key, value, expires_at) VALUES ('k', '2', 'infinity')")?.ok();
    assert_eq!(run(&mut app, &format!("SELECT {schema}.cache_get('k')"))?, Ok(Some("1".to_owned())));
    Ok(())
}

/// A lease that was forged by plain SQL counts for as long as an honest one may last.
#[test]
fn no_forged_lease_keeps_others_from_a_token_for_longer_than_an_honest_one() -> Result<()> {
    let mut scene = Scene::new("leases")?;
    let mut app = scene.role("app", &everything())?;
    for (number, until) in ["infinity", "294276-01-01", "2100-01-01", "tomorrow"].into_iter().enumerate() {
        let forge = format!(
            "INSERT INTO cache_entries (key, expires_at, lease_until, lease_id) VALUES ('l:{number}', now(), '{until}'::timestamptz + interval '1 minute', 7)"
        );
        // Refused by a constraint is as good.
        run(&mut app, &forge)?.ok();
    }
    for number in 0..4 {
        let token = format!("SELECT EXISTS (SELECT FROM cache_fetch('l:{number}') WHERE token IS NOT NULL)");
        wait_for(&mut scene.owner, &token, PATIENCE)?;
    }
    scene.unharmed()
}

/// Arguments at the ends of what their types hold: refused or obeyed, at once.
#[test]
fn no_extreme_argument_takes_the_server_down() -> Result<()> {
    let mut scene = Scene::new("extremes")?;
    let mut app =
        scene.role("app", &format!("{}; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {{role}}", everything()))?;
    app.batch_execute("SET statement_timeout = '20s'; SELECT cache_set('k', '1', '1 hour')")?;
    for call in [
        "cache_keys(max_keys => 2147483647)",
        "cache_keys(max_keys => 0)",
        "cache_keys(max_keys => -2147483648)",
        "cache_sweep(2147483647)",
        "cache_sweep(0)",
        "cache_sweep(-1)",
        "cache_incr('i', 9223372036854775807)",
        "cache_incr('i', 9223372036854775807)",
        "cache_incr('i', -9223372036854775808)",
        "cache_set('k', '1', '178000000 years'::interval)",
        "cache_set('k', '1', '-178000000 years'::interval)",
        "cache_set('k', '1', '2147483647 months 2147483647 days'::interval)",
        "cache_touch('k', '178000000 years'::interval)",
        "cache_fetch('k2', '178000000 years'::interval)",
        "cache_fetch('k3', '-178000000 years'::interval)",
        "cache_configure('n', default_ttl => '178000000 years')",
        "cache_configure('n', jitter => 'NaN')",
        "cache_configure('n', jitter => 'Infinity')",
        "cache_configure('n', early_refresh => 'NaN')",
        "cache_configure('n', refresh_ahead => '178000000 years')",
        "cache_configure('n', max_size => 9223372036854775807, max_entries => 9223372036854775807)",
        "cache_configure(repeat('n', 1000000))",
        "cache_get(repeat('k', 10000000))",
        "cache_get_many(array_fill('k'::text, '{300000}'))",
        "cache_get_many(array_fill(NULL::text, '{10}'))",
        "cache_get_many('{}')",
        "cache_delete_many(array_fill('k'::text, '{100000}'))",
        "cache_set('k', '1', '1 hour', array_fill('t'::text, '{1000000}'))",
        "cache_set('k', '1', '1 hour', array_fill('t'::text, '{2,2}'))",
        "cache_set('k', '1', '1 hour', (SELECT array_agg('t' || n) FROM generate_series(1, 1025) AS n))",
        "cache_invalidate_tags(VARIADIC array_fill('t'::text, '{100000}'))",
        "cache_invalidate_tags(VARIADIC '{}')",
        "cache_tags_hold(array_fill('t'::text, '{1000000}'), array_fill(0::bigint, '{1000000}'))",
        "cache_tags_hold('{a,b}', '{1}')",
        "cache_tags_hold('{NULL}', '{NULL}')",
        "cache_tags_hold(NULL, NULL)",
        "cache_tags_hold('{a}', NULL)",
        "cache_set('k', to_jsonb(repeat('x', 30000000)))",
        "cache_set_many('[]')",
        "cache_set_many('{\"\": 1}')",
        "cache_get_or_set('g', repeat('SELECT ', 10000))",
        "cache_get_or_set('g', 'SELECT ' || repeat('(', 5000) || '1' || repeat(')', 5000))",
        "cache_get_or_set('g', 'SELECT $1', args => array_fill('x'::text, '{70000}'))",
        "cache_get_or_set('g', 'SELECT $70000')",
        "cache_get_or_set('g', 'SELECT repeat(''x'', 30000000)')",
        "cache_fill('k', '1', repeat('f', 1000000))",
        "cache_watch(4294967295::regclass, '{a}')",
        "cache_stats_reset(repeat('x', 1000000))",
        "cache_persistence(repeat('x', 1000000))",
        "cache_clear(repeat('x', 1000000))",
        "cache_release('k', NULL)",
        "cache_fill(NULL, NULL, NULL)",
        "cache_set(NULL, NULL)",
    ] {
        let outcome = run(&mut app, &format!("SELECT count(*) FROM (SELECT {call}) AS c"))?;
        let internal = matches!(outcome.as_ref().map_err(String::as_str), Err(state) if state.starts_with("XX"));
        assert!(!internal, "{call}: {outcome:?}");
        assert_ne!(outcome, Err("57014".to_owned()), "{call} did not end");
    }
    scene.unharmed()
}

/// Code of the caller's that calls us, who call it again: an error long before the stack is used up.
#[test]
fn no_recursion_through_the_cache_takes_the_server_down() -> Result<()> {
    let mut scene = Scene::new("recursion")?;
    let mut app =
        scene.role("app", &format!("{}; GRANT EXECUTE ON FUNCTION cache_configure TO {{role}}", everything()))?;
    app.batch_execute(
        "CREATE FUNCTION deep() RETURNS int LANGUAGE plpgsql VOLATILE AS $$BEGIN
             RETURN public.cache_get_or_set('d:' || random(), 'SELECT deep()'); END$$;
         CREATE FUNCTION load(key text) RETURNS jsonb LANGUAGE sql STABLE AS $$SELECT public.cache_get_or_set('l:' || random())$$;
         CREATE FUNCTION quiet(n int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$BEGIN
             PERFORM public.cache_get_or_null('q:' || quiet(n + 1)); RETURN n; END$$;
         CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
             PERFORM public.cache_set('t:' || random(), '1'); RETURN NEW; END$$;
         SELECT cache_configure('l', loader => 'load(text)'::regprocedure)",


    )?;
    for call in ["cache_get_or_set('d:a', 'SELECT deep()')", "cache_get_or_set('l:a')", "quiet(1)"] {
        let outcome = run(&mut app, &format!("SELECT {call}"))?;
        assert_eq!(outcome, Err("54001".to_owned()), "{call}");
    }
    // A policy and a trigger that ask the cache.
    let role = scene.role_name("app");
    app.batch_execute(
        "CREATE TRIGGER again BEFORE INSERT ON public.cache_entries FOR EACH ROW EXECUTE FUNCTION again()",
    )?;
    for call in ["cache_set('t:a', '1')", "cache_try_set('t:a', '1')"] {
        let outcome = run(&mut app, &format!("SELECT {call}"))?;
        assert!(matches!(outcome.as_ref().map(Option::as_deref), Err(_) | Ok(Some("f"))), "{call}: {outcome:?}");
    }
    scene.owner.batch_execute(&format!(
        "DROP TRIGGER again ON cache_entries;
         CREATE FUNCTION asked(text) RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN cache_exists($1 || 1); END';
         INSERT INTO cache_entries (key, value, expires_at) SELECT 'p:' || repeat('1', n), '1', 'infinity' FROM generate_series(1, 300) AS n;
         ALTER TABLE cache_entries ENABLE ROW LEVEL SECURITY;
         CREATE POLICY p ON cache_entries TO {role} USING (asked(key))"
    ))?;
    for call in ["cache_get('p:1')", "cache_get_or_null('p:1')"] {
        run(&mut app, &format!("SELECT {call}"))?.ok();
    }
    scene.owner.batch_execute("ALTER TABLE cache_entries DISABLE ROW LEVEL SECURITY")?;
    scene.unharmed()
}
