//! Whose code runs with whose rights: triggers, rules, policies, foreign keys, search paths.

use anyhow::{Result, ensure};
use cache_pg_attack_tests::{DML, Scene, everything, run};
use cache_pg_server_tests::{PATIENCE, get};
use postgres::Client;
use xtask::cluster::wait_for;

/// A trigger function that writes down with whose rights it runs, and tries to make its author superuser.
const SEIZE: &str = "
    CREATE TABLE ran (who text, what text);
    GRANT INSERT ON ran TO PUBLIC;
    CREATE FUNCTION seize() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
        INSERT INTO {role}.ran VALUES (current_user, TG_TABLE_NAME || ' ' || TG_OP);
        IF current_user <> '{role}' THEN ALTER ROLE {role} SUPERUSER; END IF;
        RETURN coalesce(NEW, OLD);
    END$$";

/// A scene with a role that has every privilege on the extension's tables and the trigger function.
fn seizing(name: &str, grants: &str) -> Result<(Scene, Client)> {
    let mut scene = Scene::new(name)?;
    let role = scene.role_name("app");
    let mut app = scene.role("app", grants)?;
    app.batch_execute(&SEIZE.replace("{role}", &role))?;
    scene.owner.batch_execute(&format!("GRANT USAGE ON SCHEMA {role} TO PUBLIC"))?;
    Ok((scene, app))
}

/// On every table, for every operation, for each row and for each statement.
fn hang_triggers(app: &mut Client, tables: &[&str]) -> Result<()> {
    for table in tables {
        app.batch_execute(&format!(
            "CREATE TRIGGER rows_before BEFORE INSERT OR UPDATE OR DELETE ON {table}
                 FOR EACH ROW EXECUTE FUNCTION seize();
             CREATE TRIGGER rows_after AFTER INSERT OR UPDATE OR DELETE ON {table}
                 FOR EACH ROW EXECUTE FUNCTION seize();
             CREATE CONSTRAINT TRIGGER rows_late AFTER INSERT OR UPDATE OR DELETE ON {table}
                 DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION seize();
             CREATE TRIGGER once AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}
                 FOR EACH STATEMENT EXECUTE FUNCTION seize()"
        ))?;
    }
    Ok(())
}

/// Takes them from the entries, so that the owner can drop these without firing them.
fn take_triggers_down(scene: &mut Scene) -> Result<()> {
    scene.owner.batch_execute(
        "DROP TRIGGER rows_before ON cache_entries; DROP TRIGGER rows_after ON cache_entries;
         DROP TRIGGER rows_late ON cache_entries; DROP TRIGGER once ON cache_entries",
    )?;
    Ok(())
}

/// The code of the application has run as nobody but itself.
fn ran_as_nobody_else(scene: &mut Scene) -> Result<()> {
    let role = scene.role_name("app");
    let others = format!(
        "SELECT coalesce(string_agg(DISTINCT who || ': ' || what, ', '), '') FROM {role}.ran WHERE who <> '{role}'"
    );
    assert_eq!(scene.get::<String>(&others)?, "");
    scene.unharmed()
}

#[test]
fn no_trigger_on_the_entries_runs_by_expiry() -> Result<()> {
    let (mut scene, mut app) = seizing("expiring", &everything())?;
    hang_triggers(&mut app, &["cache_entries"])?;
    // Set by the application itself: what happens to them later is the sweeper's work.
    app.batch_execute("SELECT cache_set('soon:' || n, '1', '100 milliseconds') FROM generate_series(1, 300) AS n")?;
    wait_for(&mut scene.owner, "SELECT count(*) = 0 FROM cache_entries WHERE key LIKE 'soon:%'", PATIENCE)?;
    take_triggers_down(&mut scene)?;
    ran_as_nobody_else(&mut scene)
}

#[test]
fn no_trigger_on_the_entries_runs_by_a_sweep_of_somebody_else() -> Result<()> {
    let (mut scene, mut app) = seizing("sweeping", &everything())?;
    let mut janitor = scene.role("janitor", "GRANT DELETE ON cache_entries TO {role}")?;
    scene.write_due()?;
    hang_triggers(&mut app, &["cache_entries"])?;
    for _ in 0..3 {
        assert!(run(&mut janitor, "SELECT cache_sweep(100)")?.is_ok());
        scene.owner.batch_execute("SELECT cache_sweep(50)")?;
    }
    // The worker may be at some of them.
    wait_for(&mut scene.owner, "SELECT count(*) = 0 FROM cache_entries", PATIENCE)?;
    take_triggers_down(&mut scene)?;
    ran_as_nobody_else(&mut scene)
}

#[test]
fn no_trigger_runs_by_eviction_and_the_limit_holds() -> Result<()> {
    let (mut scene, mut app) = seizing("evicting", &everything())?;
    scene.owner.batch_execute("SELECT cache_configure('full', max_entries => 100)")?;
    hang_triggers(&mut app, &["cache_entries"])?;
    for _ in 0..20 {
        app.batch_execute("SELECT cache_set('full:' || random(), '1', '1 hour') FROM generate_series(1, 50)")?;
    }
    let live = "SELECT count(*) <= 110 FROM cache_entries WHERE key LIKE 'full:%' AND value IS NOT NULL";
    wait_for(&mut scene.owner, live, PATIENCE)?;
    take_triggers_down(&mut scene)?;
    ran_as_nobody_else(&mut scene)
}

#[test]
fn no_trigger_on_the_tags_runs_by_merging_or_somebodys_invalidation() -> Result<()> {
    let mut scene = Scene::new("tagging")?;
    scene.role("app", "")?;
    scene.role("writer", "")?;
    // The first turn gives up where it would have to wait, and the next one that deals with tags is minutes away.
    let merged = (0..3).try_fold(false, |merged, number| match merged {
        true => Ok(true),
        false => merges_without_a_trigger(&mut scene, &format!("merging{number}")),
    })?;
    ensure!(merged, "no turn has merged the tags");
    scene.unharmed()
}

/// Whether the first turn in a new database merges the tags within a while. Ensures that no trigger runs by that.
fn merges_without_a_trigger(scene: &mut Scene, database: &str) -> Result<bool> {
    scene.owner.batch_execute(&format!("CREATE DATABASE {database}"))?;
    let (app, writer) = (scene.role_name("app"), scene.role_name("writer"));
    let mut owner = scene.cluster.connect(database)?;
    // The first turn of the hand in a database deals with the tags, and meets these: some pages of them, and a tag with
    // several rows.
    owner.batch_execute(&format!(
        "BEGIN; CREATE EXTENSION cache_pg; CREATE SCHEMA AUTHORIZATION {app}; GRANT USAGE ON SCHEMA {app} TO PUBLIC;
         INSERT INTO cache_tags SELECT 't' || n, n, '3' FROM generate_series(1, 3000) AS n;
         INSERT INTO cache_tags SELECT 'm', n, '3' FROM generate_series(1, 5) AS n;
         {}; {}; SET ROLE {app}; SET search_path = {app}, public; {}",
        everything().replace("{role}", &app),
        DML.replace("{role}", &writer),
        SEIZE.replace("{role}", &app)
    ))?;
    hang_triggers(&mut owner, &["cache_tags"])?;
    owner.batch_execute("COMMIT; RESET ROLE")?;
    let mut other = scene.cluster.connect_as(&writer, database)?;
    for tag in 0..20 {
        other.batch_execute(&format!("SELECT cache_invalidate_tags('w{tag}'); SELECT cache_clear('c{tag}')"))?;
    }
    let merged = wait_for(&mut owner, "SELECT count(*) = 1 FROM cache_tags WHERE tag = 'm'", PATIENCE).is_ok();
    let others = format!("SELECT count(*) FROM {app}.ran WHERE who <> '{app}'");
    assert_eq!(get::<i64>(&mut owner, &others)?, 0);
    Ok(merged)
}

#[test]
fn no_trigger_on_the_namespaces_runs_with_more_than_the_rights_of_whoever_configures() -> Result<()> {
    let (mut scene, mut app) = seizing("configuring", &everything())?;
    let mut operator =
        scene.role("operator", "GRANT EXECUTE ON FUNCTION cache_configure, cache_unconfigure TO {role}")?;
    hang_triggers(&mut app, &["cache_namespaces"])?;
    run(&mut operator, "SELECT cache_configure('n', jitter => 0.5)")?.ok();
    run(&mut operator, "SELECT cache_unconfigure('n')")?.ok();
    let role = scene.role_name("app");
    let owner: i64 = scene.get(&format!("SELECT count(*) FROM {role}.ran WHERE who = 'postgres'"))?;
    assert_eq!(owner, 0);
    scene.unharmed()
}

#[test]
fn a_foreign_key_keeps_no_other_entry_from_going() -> Result<()> {
    let mut scene = Scene::new("referring")?;
    scene.owner.batch_execute("SELECT cache_configure('full', max_entries => 100)")?;
    scene.write_due()?;
    let mut app = scene.role("app", "GRANT REFERENCES, SELECT ON cache_entries TO {role}")?;
    app.batch_execute(
        "CREATE TABLE held (key text COLLATE \"C\" REFERENCES public.cache_entries ON DELETE CASCADE ON UPDATE CASCADE);
         CREATE TABLE nothing (key text COLLATE \"C\" PRIMARY KEY REFERENCES public.cache_entries DEFERRABLE INITIALLY DEFERRED)",
    )?;
    // The row may be gone by now; only what is there can be referred to.
    run(&mut app, "INSERT INTO held VALUES ('due:1'), ('due:2')")?.ok();
    scene.owner.batch_execute(
        "SELECT cache_set('full:' || n, '1', '1 hour') FROM generate_series(1, 500) AS n; SELECT cache_sweep(100000)",
    )?;
    let live = "SELECT count(*) <= 110 FROM cache_entries WHERE key LIKE 'full:%' AND value IS NOT NULL";
    wait_for(&mut scene.owner, live, PATIENCE)?;
    wait_for(&mut scene.owner, "SELECT count(*) <= 2 FROM cache_entries WHERE key LIKE 'due:%'", PATIENCE)?;
    // What is referred to is there, whoever would like it to go.
    let role = scene.role_name("app");
    let dangling = format!(
        "SELECT count(*) FROM {role}.held AS h WHERE NOT EXISTS (SELECT FROM cache_entries AS e WHERE e.key = h.key)"
    );
    assert_eq!(scene.get::<i64>(&dangling)?, 0);
    for works in
        ["cache_delete('due:1')", "cache_set('due:1', '2')", "cache_clear('due')", "cache_delete_many('{due:2}')"]
    {
        let outcome = run(&mut scene.owner, &format!("SELECT {works}"))?;
        assert!(outcome.is_ok(), "{works}: {outcome:?}");
    }
    scene.unharmed()
}

#[test]
fn a_role_with_trigger_alone_learns_nothing_and_stops_nothing() -> Result<()> {
    let (mut scene, mut app) =
        seizing("trigger_only", "GRANT TRIGGER ON cache_entries, cache_tags, cache_namespaces TO {role}")?;
    scene.write_due()?;
    app.batch_execute(
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'no'; END$$;
         CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$;
         CREATE TRIGGER a BEFORE DELETE ON public.cache_entries FOR EACH ROW EXECUTE FUNCTION no();
         CREATE TRIGGER b BEFORE DELETE OR UPDATE ON public.cache_tags FOR EACH ROW EXECUTE FUNCTION nothing();
         CREATE TRIGGER c BEFORE DELETE ON public.cache_entries FOR EACH STATEMENT EXECUTE FUNCTION no()",
    )?;
    scene.cluster.connect(scene.name())?.batch_execute("SELECT cache_invalidate_tags('wake')")?;
    wait_for(&mut scene.owner, "SELECT count(*) = 0 FROM cache_entries", PATIENCE)?;
    assert_eq!(run(&mut app, "SELECT cache_get('due:1')")?, Err("42501".to_owned()));
    ran_as_nobody_else(&mut scene)
}

#[test]
fn rules_and_policies_of_the_owner_stop_no_maintenance() -> Result<()> {
    let mut scene = Scene::new("ruling")?;
    scene.owner.batch_execute(
        "CREATE FUNCTION boom(text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'boom'; END$$;
         CREATE RULE none AS ON DELETE TO cache_entries DO INSTEAD NOTHING;
         CREATE RULE none AS ON DELETE TO cache_tags DO INSTEAD NOTHING;
         ALTER TABLE cache_entries ENABLE ROW LEVEL SECURITY; ALTER TABLE cache_entries FORCE ROW LEVEL SECURITY;
         CREATE POLICY p ON cache_entries USING (boom(key)) WITH CHECK (boom(key));
         ALTER TABLE cache_tags ENABLE ROW LEVEL SECURITY; ALTER TABLE cache_tags FORCE ROW LEVEL SECURITY",
    )?;
    scene.write_due()?;
    scene.wake()?;
    wait_for(&mut scene.owner, "SELECT count(*) = 0 FROM cache_entries", PATIENCE)?;
    let mut app = scene.role("app", DML)?;
    for call in ["cache_get('a:b')", "cache_set('a:b', '1')", "cache_keys()", "cache_sweep()"] {
        let outcome = run(&mut app, &format!("SELECT {call}"))?;
        assert!(outcome.is_ok() || outcome == Err("P0001".to_owned()), "{call}: {outcome:?}");
    }
    scene.unharmed()
}

/// An index by the table's owner, a database owner who is no superuser: its expression runs where rows are written.
#[test]
fn an_expression_of_an_index_runs_with_nobodys_greater_rights() -> Result<()> {
    let (mut scene, mut app) = seizing("indexing", DML)?;
    let role = scene.role_name("app");
    app.batch_execute(&format!(
        "CREATE FUNCTION spy(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$BEGIN
             IF current_user = 'postgres' THEN
                 BEGIN ALTER ROLE {role} SUPERUSER; EXCEPTION WHEN OTHERS THEN NULL; END;
             END IF;
             RETURN $1;
         END$$; GRANT EXECUTE ON FUNCTION spy TO PUBLIC"
    ))?;
    scene.write_due()?;
    // The table handed to the application: its index is its code, the sweeper is a superuser.
    scene.owner.batch_execute(&format!(
        "GRANT ALL ON SCHEMA public TO {role};
         ALTER TABLE cache_entries OWNER TO {role}; ALTER TABLE cache_tags OWNER TO {role}"
    ))?;
    app.batch_execute("ALTER TABLE public.cache_entries ADD CONSTRAINT spied CHECK (spy(key) IS NOT NULL)")?;
    scene.wake()?;
    wait_for(&mut scene.owner, "SELECT count(*) = 0 FROM cache_entries", PATIENCE)?;
    // A table with such an index is not the one that was made: it is left alone, and everybody is told.
    app.batch_execute("CREATE INDEX spying ON public.cache_entries (spy(key))")?;
    for call in ["SELECT cache_set('a:b', '1')", "SELECT cache_get('a:b')", "SELECT cache_sweep()"] {
        let outcome = run(&mut app, call)?;
        assert!(outcome.is_ok() || outcome == Err("55000".to_owned()), "{call}: {outcome:?}");
    }
    app.batch_execute("DROP INDEX spying")?;
    scene.unharmed()
}

/// The owner of a database who is no superuser, and sets its search path.
#[test]
fn a_database_owner_makes_no_superuser_run_its_types() -> Result<()> {
    let mut scene = Scene::new("owned")?;
    let mut app = scene.role("app", "ALTER DATABASE owned OWNER TO {role}")?;
    let role = scene.role_name("app");
    app.batch_execute(&format!(
        "CREATE TABLE ran (who text);
         GRANT INSERT ON ran TO PUBLIC;
         CREATE FUNCTION seize(anyelement) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN
             IF current_user <> '{role}' THEN
                 INSERT INTO {role}.ran VALUES (current_user);
                 ALTER ROLE {role} SUPERUSER;
             END IF;
             RETURN true;
         END$$;
         CREATE DOMAIN text AS pg_catalog.text CHECK ({role}.seize(VALUE::pg_catalog.text));
         CREATE DOMAIN name AS pg_catalog.name CHECK ({role}.seize(VALUE::pg_catalog.text));
         CREATE DOMAIN jsonb AS pg_catalog.jsonb CHECK ({role}.seize(VALUE::pg_catalog.text));
         CREATE DOMAIN regclass AS pg_catalog.regclass CHECK ({role}.seize(VALUE::pg_catalog.text));
         CREATE DOMAIN \"char\" AS pg_catalog.\"char\" CHECK ({role}.seize(VALUE::pg_catalog.text));
         CREATE DOMAIN int8 AS pg_catalog.int8 CHECK ({role}.seize(VALUE::pg_catalog.text));
         CREATE DOMAIN timestamptz AS pg_catalog.timestamptz CHECK ({role}.seize(VALUE::pg_catalog.text));
         CREATE DOMAIN oid AS pg_catalog.oid CHECK ({role}.seize(VALUE::pg_catalog.text));
         CREATE TABLE watched (id integer, note pg_catalog.text);
         GRANT USAGE ON SCHEMA {role} TO PUBLIC;
         ALTER DATABASE owned SET search_path = {role}, pg_catalog, public"
    ))?;
    scene
        .owner
        .batch_execute(&format!("CREATE TABLE public.watched (id integer); GRANT ALL ON SCHEMA public TO {role}"))?;
    // New connections of the superuser have the owner's path.
    let mut superuser = scene.cluster.connect("owned")?;
    for statement in [
        "SELECT public.cache_watch('public.watched', ARRAY['a:{id}'], ARRAY['t:{id}'])",
        "INSERT INTO public.watched VALUES (1)",
        "UPDATE public.watched SET id = 2",
        "ALTER TABLE public.watched ADD COLUMN more integer",
        "ALTER TABLE public.watched RENAME COLUMN id TO number",
        "CREATE TABLE public.below () INHERITS (public.watched)",
        "SELECT * FROM public.cache_watches",
        "SELECT public.cache_unwatch('public.watched')",
        "SELECT public.cache_configure('n', jitter => 0.1)",
        "SELECT public.cache_unconfigure('n')",
        "SELECT public.cache_persistence('unlogged')",
        "SELECT public.cache_persistence('logged')",
        "SELECT public.cache_set('a', '1')",
        "SELECT public.cache_get('a')",
        "SELECT * FROM public.cache_health",
        "SELECT * FROM public.cache_advice",
        "SELECT * FROM public.cache_stats",
        "SELECT public.cache_sweep()",
    ] {
        let outcome = run(&mut superuser, statement)?;
        // A column that a template names is kept.
        let kept = outcome == Err("2BP01".to_owned()) && statement.contains("RENAME");
        assert!(outcome.is_ok() || kept, "{statement}: {outcome:?}");
    }
    assert_eq!(scene.get::<i64>(&format!("SELECT count(*) FROM {role}.ran"))?, 0);
    scene.unharmed()
}

#[test]
fn nobody_watches_a_table_of_somebody_else() -> Result<()> {
    let mut scene = Scene::new("watching")?;
    scene.owner.batch_execute("CREATE TABLE theirs (id int); GRANT ALL ON theirs TO PUBLIC")?;
    let mut app = scene
        .role("app", &format!("{}; GRANT EXECUTE ON FUNCTION cache_watch, cache_unwatch TO {{role}}", everything()))?;
    app.batch_execute(
        "CREATE TABLE mine (id int); CREATE VIEW seen AS SELECT 1 AS id; CREATE SEQUENCE counted;
         CREATE INDEX indexed ON mine (id); CREATE TYPE composite AS (id int); CREATE TEMP TABLE passing (id int)",
    )?;
    for table in [
        "public.theirs",
        "pg_class",
        "pg_authid",
        "public.cache_entries",
        "public.cache_tags",
        "public.cache_namespaces",
        "seen",
        "counted",
        "indexed",
        "composite",
        "pg_toast.pg_toast_1255",
    ] {
        for call in ["cache_watch('{}', ARRAY['a'])", "cache_watch('{}', NULL, ARRAY['t'])", "cache_unwatch('{}')"] {
            let call = call.replacen("{}", table, 1);
            let outcome = run(&mut app, &format!("SELECT {call}"))?;
            let harmless = outcome == Ok(Some("f".to_owned()));
            assert!(outcome.is_err() || harmless, "{call}: {outcome:?}");
            assert_ne!(outcome, Err("XX000".to_owned()), "{call}");
        }
    }
    for oid in ["0", "1", "4294967295", "16383"] {
        for call in [format!("cache_watch({oid}::regclass, ARRAY['a'])"), format!("cache_unwatch({oid}::regclass)")] {
            let outcome = run(&mut app, &format!("SELECT {call}"))?;
            assert!(outcome.is_err() || outcome == Ok(Some("f".to_owned())), "{call}: {outcome:?}");
        }
    }
    // What is one's own may be watched.
    assert!(run(&mut app, "SELECT cache_watch('mine', ARRAY['a:{id}'])")?.is_ok());
    scene.unharmed()
}

/// The privileges of a session's roles, one after the other: a plan kept for one must not serve another.
#[test]
fn a_prepared_call_does_nothing_for_a_role_without_the_privilege() -> Result<()> {
    let mut scene = Scene::new("prepared")?;
    scene.role("app", DML)?;
    scene.role("nobody", "")?;
    scene.role("tenant", "GRANT SELECT ON cache_entries TO {role}")?;
    let (app, nobody) = (scene.role_name("app"), scene.role_name("nobody"));
    let owner = &mut scene.owner;
    owner.batch_execute(
        "PREPARE get AS SELECT cache_get('secret'); PREPARE set AS SELECT cache_set('secret', '2');
         PREPARE compute AS SELECT cache_get_or_set('other', 'SELECT rolpassword IS NULL FROM pg_authid LIMIT 1');
         SELECT cache_set('secret', '1', '1 hour')",
    )?;
    for _ in 0..6 {
        assert_eq!(run(owner, "EXECUTE get")?, Ok(Some("1".to_owned())));
        owner.batch_execute(&format!("SET ROLE {nobody}"))?;
        for call in ["get", "set", "compute"] {
            assert_eq!(run(owner, &format!("EXECUTE {call}"))?, Err("42501".to_owned()), "{call}");
        }
        owner.batch_execute(&format!("RESET ROLE; SET ROLE {app}"))?;
        assert_eq!(run(owner, "EXECUTE get")?, Ok(Some("1".to_owned())));
        assert_eq!(run(owner, "EXECUTE compute")?, Err("42501".to_owned()));
        owner.batch_execute("RESET ROLE")?;
    }
    scene.unharmed()
}

/// No extension's function takes rights from a view's owner that the view does not give.
#[test]
fn a_view_lends_its_owners_rights_to_nobody_who_has_none_on_the_entries() -> Result<()> {
    let mut scene = Scene::new("lent")?;
    scene.owner.batch_execute("SELECT cache_set('secret', '1', '1 hour')")?;
    let mut nobody = scene.role("nobody", "")?;
    scene.owner.batch_execute(
        "CREATE VIEW lent AS SELECT cache_get('secret') AS value, cache_exists('secret') AS there; GRANT SELECT ON lent TO PUBLIC",
    )?;
    // A function inside a view runs with the rights of its caller, as every function.
    assert_eq!(run(&mut nobody, "SELECT value FROM lent")?, Err("42501".to_owned()));
    assert_eq!(run(&mut nobody, "SELECT there FROM lent")?, Err("42501".to_owned()));
    scene.unharmed()
}

/// Objects of the same names elsewhere in the search path are not the extension's.
#[test]
fn tables_of_the_same_names_are_not_taken_for_ours() -> Result<()> {
    let mut scene = Scene::new("doubles")?;
    scene.owner.batch_execute("SELECT cache_set('k', '\"true\"', '1 hour')")?;
    let mut app = scene.role("app", &everything())?;
    let role = scene.role_name("app");
    app.batch_execute(
        "CREATE TABLE cache_entries (LIKE public.cache_entries INCLUDING ALL);
         CREATE TABLE cache_tags (LIKE public.cache_tags); CREATE TABLE cache_namespaces (LIKE public.cache_namespaces);
         INSERT INTO cache_entries (key, value, expires_at) VALUES ('k', '\"false\"', now() + '1 hour');
         CREATE TEMP TABLE cache_entries (LIKE public.cache_entries INCLUDING ALL);
         CREATE FUNCTION cache_watch_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
         CREATE FUNCTION cache_watch_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
         CREATE TABLE mine (id int);
         CREATE TRIGGER cache_pg_watch_truncate BEFORE TRUNCATE ON mine FOR EACH STATEMENT
             EXECUTE FUNCTION cache_watch_trigger('not json');
         CREATE TABLE below () INHERITS (mine)",
    )?;
    assert_eq!(run(&mut app, "SELECT public.cache_get('k')")?, Ok(Some("\"true\"".to_owned())));
    scene.owner.batch_execute(&format!("SET search_path = {role}, public"))?;
    assert!(scene.get::<bool>("SELECT public.cache_get('k') = '\"true\"'")?);
    assert_eq!(scene.get::<i64>("SELECT count(*) FROM public.cache_watches")?, 0);
    scene.owner.batch_execute("RESET search_path")?;
    scene.unharmed()
}
