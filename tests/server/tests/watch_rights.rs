//! Who may watch what, whatever happens meanwhile, and that a watch runs nobody's code and stops nobody.

use std::thread;

use anyhow::{Result, anyhow, ensure};
use cache_pg_server_tests::{PATIENCE, get, sqlstate, with_extension};
use postgres::Client;
use postgres::error::SqlState;
use xtask::cluster::{Cluster, wait_for};

/// A role that may watch its own tables, and one with no rights at all.
const ROLES: &str = "
    CREATE ROLE app LOGIN; CREATE ROLE other LOGIN; CREATE ROLE nobody LOGIN;
    CREATE SCHEMA app AUTHORIZATION app; GRANT CREATE ON DATABASE postgres TO app;
    GRANT EXECUTE ON FUNCTION cache_watch, cache_unwatch TO app, other;
    CREATE TABLE app.t (id integer); ALTER TABLE app.t OWNER TO app;";

fn begun() -> Result<(Cluster, Client, Client)> {
    let (cluster, mut admin) = with_extension()?;
    admin.batch_execute(ROLES)?;
    let app = cluster.connect_as("app", "postgres")?;
    Ok((cluster, admin, app))
}

fn triggers(admin: &mut Client, table: &str) -> Result<i64> {
    get(
        admin,
        &format!(
            "SELECT count(*) FROM pg_trigger WHERE tgrelid = '{table}'::regclass AND tgname LIKE 'cache\\_pg\\_%'"
        ),
    )
}

/// Has `app` call cache_watch for `app.t`, which `change`, a transaction that is still open, has locked; commits that,
/// and returns what came of the call.
fn watched_after(change: &str) -> Result<(Cluster, Client, Result<(), postgres::Error>)> {
    let (cluster, mut admin, mut app) = begun()?;
    let mut changer = cluster.connect("postgres")?;
    changer.batch_execute(&format!("BEGIN; LOCK TABLE app.t; {change}"))?;
    let call = thread::spawn(move || app.batch_execute("SELECT cache_watch('app.t', ARRAY['t:{id}'])"));
    wait_for(
        &mut admin,
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE usename = 'app' AND wait_event_type = 'Lock')",
        PATIENCE,
    )?;
    changer.batch_execute("COMMIT")?;
    let result = call.join().map_err(|_| anyhow!("the caller panicked"))?;
    Ok((cluster, admin, result))
}

#[test]
fn a_table_that_gets_another_name_meanwhile_is_watched_and_not_its_namesake() -> Result<()> {
    let (_cluster, mut admin, result) =
        watched_after("ALTER TABLE app.t RENAME TO moved; CREATE TABLE app.t (id integer)")?;
    result?;
    assert_eq!((triggers(&mut admin, "app.moved")?, triggers(&mut admin, "app.t")?), (5, 0));
    Ok(())
}

#[test]
fn a_table_whose_schema_gets_another_name_meanwhile_is_watched_and_not_its_namesake() -> Result<()> {
    let (_cluster, mut admin, result) = watched_after(
        "ALTER SCHEMA app RENAME TO moved; CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO app; CREATE TABLE app.t (id integer)",
    )?;
    result?;
    assert_eq!((triggers(&mut admin, "moved.t")?, triggers(&mut admin, "app.t")?), (5, 0));
    Ok(())
}

#[test]
fn a_table_that_gets_another_owner_meanwhile_is_not_watched() -> Result<()> {
    let (_cluster, mut admin, result) = watched_after("ALTER TABLE app.t OWNER TO other")?;
    assert_eq!(sqlstate(result)?, SqlState::INSUFFICIENT_PRIVILEGE);
    assert_eq!(triggers(&mut admin, "app.t")?, 0);
    Ok(())
}

#[test]
fn a_table_that_is_dropped_meanwhile_is_not_watched_and_neither_is_its_namesake() -> Result<()> {
    let (_cluster, mut admin, result) = watched_after("DROP TABLE app.t; CREATE TABLE app.t (id integer)")?;
    assert_eq!(sqlstate(result)?, SqlState::WRONG_OBJECT_TYPE);
    assert_eq!(triggers(&mut admin, "app.t")?, 0);
    Ok(())
}

#[test]
fn a_table_with_a_table_of_somebody_else_below_is_not_watched() -> Result<()> {
    let (_cluster, mut admin, mut app) = begun()?;
    app.batch_execute(
        "CREATE TABLE app.tree (id integer) PARTITION BY LIST (id);
         CREATE TABLE app.one PARTITION OF app.tree FOR VALUES IN (1);
         CREATE TABLE app.branch (id integer) PARTITION BY LIST (id);
         CREATE TABLE app.leaf PARTITION OF app.branch FOR VALUES IN (2);",
    )?;
    admin.batch_execute("ALTER TABLE app.one OWNER TO other")?;
    let watch = "SELECT cache_watch('app.tree', ARRAY['t:{id}'])";
    assert_eq!(sqlstate(app.batch_execute(watch))?, SqlState::INSUFFICIENT_PRIVILEGE);
    admin.batch_execute("ALTER TABLE app.one OWNER TO app; ALTER TABLE app.leaf OWNER TO other")?;
    app.batch_execute(watch)?;
    let attach = "ALTER TABLE app.tree ATTACH PARTITION app.branch FOR VALUES IN (2)";
    assert_eq!(sqlstate(app.batch_execute(attach))?, SqlState::INSUFFICIENT_PRIVILEGE);
    assert_eq!(triggers(&mut admin, "app.leaf")?, 0);
    admin.batch_execute(attach)?;
    assert_eq!(triggers(&mut admin, "app.leaf")?, 5);
    Ok(())
}

#[test]
fn a_table_that_is_not_watched_leaves_the_watches_below_it_alone() -> Result<()> {
    let (_cluster, mut admin, mut app) = begun()?;
    app.batch_execute(
        "CREATE TABLE app.tree (id integer) PARTITION BY LIST (id);
         CREATE TABLE app.one PARTITION OF app.tree FOR VALUES IN (1);
         SELECT cache_watch('app.one', ARRAY['t:{id}']);",
    )?;
    assert!(!get::<bool>(&mut app, "SELECT cache_unwatch('app.tree')")?);
    assert_eq!(triggers(&mut admin, "app.one")?, 5);
    Ok(())
}

#[test]
fn nobody_watches_a_table_from_within_what_others_run() -> Result<()> {
    let (_cluster, mut admin, mut app) = begun()?;
    app.batch_execute(
        "CREATE FUNCTION app.trap(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';
         CREATE INDEX ON app.t (app.trap(id)); INSERT INTO app.t VALUES (1);
         CREATE TABLE app.u (id integer);
         CREATE OR REPLACE FUNCTION app.trap(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS
             $$BEGIN PERFORM public.cache_watch('app.u', ARRAY['t:{id}']); RETURN $1; END$$;",
    )?;
    assert_eq!(sqlstate(admin.batch_execute("ANALYZE app.t"))?, SqlState::INSUFFICIENT_PRIVILEGE);
    assert_eq!(triggers(&mut admin, "app.u")?, 0);
    Ok(())
}

/// A type with a cast to text whose function notes who runs it.
const CAST: &str = "
    CREATE TYPE app.mood AS ENUM ('happy');
    CREATE TABLE app.ran (by name); GRANT INSERT ON app.ran TO PUBLIC; GRANT USAGE ON SCHEMA app TO PUBLIC;
    CREATE FUNCTION app.told(app.mood) RETURNS text LANGUAGE plpgsql AS
        'BEGIN INSERT INTO app.ran VALUES (current_user); RETURN ''told''; END';";

#[test]
fn a_watch_runs_no_function_that_a_user_has_made_a_cast_of() -> Result<()> {
    let (_cluster, mut admin, mut app) = begun()?;
    app.batch_execute(CAST)?;
    app.batch_execute("CREATE TABLE app.moody (mood app.mood, id integer)")?;
    let watch = "SELECT cache_watch('app.moody', ARRAY['m:{mood}'])";
    app.batch_execute(watch)?;
    admin.batch_execute("SELECT cache_set('m:happy', '1'); INSERT INTO app.moody VALUES ('happy')")?;
    assert!(!get::<bool>(&mut admin, "SELECT cache_exists('m:happy')")?, "its name is no cast, and stays its text");
    app.batch_execute("CREATE CAST (app.mood AS text) WITH FUNCTION app.told(app.mood)")?;
    // What the application calls its rows is not known any more, and every change clears whatever that may be.
    let stored = "SELECT cache_set('m:told', '1'), cache_set('m:other', '1'), cache_set('n:other', '1')";
    let left = "SELECT string_agg(key, ' ') FROM cache_entries WHERE cache_exists(key)";
    let change = "UPDATE app.moody SET id = 1";
    for by_owner in [true, false] {
        admin.batch_execute(stored)?;
        let writer = if by_owner { &mut app } else { &mut admin };
        writer.batch_execute(change)?;
        assert_eq!(sqlstate(writer.batch_execute(watch))?, SqlState::FEATURE_NOT_SUPPORTED);
        assert_eq!(get::<String>(&mut admin, left)?, "n:other");
    }
    let missing = "SELECT status || ': ' || value FROM cache_health WHERE \"check\" = 'missing_columns'";
    assert_eq!(get::<String>(&mut admin, missing)?, "critical: mood of app.moody");
    // Whoever owns the type may make a cast with any function there is, that of a superuser as well.
    admin.batch_execute("ALTER FUNCTION app.told OWNER TO postgres")?;
    assert_eq!(sqlstate(admin.batch_execute(watch))?, SqlState::FEATURE_NOT_SUPPORTED);
    // A superuser's that says of itself that its text may be another in another session is not run either.
    admin.batch_execute("ALTER TYPE app.mood OWNER TO postgres")?;
    assert_eq!(sqlstate(admin.batch_execute(watch))?, SqlState::FEATURE_NOT_SUPPORTED);
    app.batch_execute(change)?;
    assert_eq!(get::<i64>(&mut admin, "SELECT count(*) FROM app.ran")?, 0);
    admin.batch_execute(
        "CREATE OR REPLACE FUNCTION app.told(app.mood) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'told'$$",
    )?;
    assert_eq!(get::<String>(&mut admin, missing)?, "ok: none");
    admin.batch_execute(stored)?;
    app.batch_execute(change)?;
    assert!(get::<bool>(&mut admin, "SELECT cache_exists('m:other')")?);
    assert!(!get::<bool>(&mut admin, "SELECT cache_exists('m:told')")?);
    Ok(())
}

#[test]
fn a_cast_that_takes_more_than_the_value_is_refused_and_not_passed_over() -> Result<()> {
    let (_cluster, mut admin, _app) = begun()?;
    admin.batch_execute(
        "CREATE TYPE mood AS ENUM ('happy');
         CREATE FUNCTION told(mood, integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'told'$$;
         CREATE CAST (mood AS text) WITH FUNCTION told(mood, integer); CREATE TABLE moody (mood mood);",
    )?;
    let refused = admin.batch_execute("SELECT cache_watch('moody', ARRAY['m:{mood}'])");
    assert_eq!(sqlstate(refused)?, SqlState::FEATURE_NOT_SUPPORTED);
    Ok(())
}

#[test]
fn the_text_of_a_name_is_the_same_under_every_search_path() -> Result<()> {
    let (_cluster, mut admin, _app) = begun()?;
    admin.batch_execute(
        "CREATE TABLE public.names (it regclass, id integer); INSERT INTO public.names VALUES ('app.t');
         SELECT cache_watch('names', ARRAY['n:{it}']);",
    )?;
    for path in ["app, public", "public", "pg_catalog"] {
        admin.batch_execute("SELECT public.cache_set('n:app.t', '1')")?;
        admin.batch_execute(&format!("SET search_path = {path}; UPDATE public.names SET id = 1"))?;
        assert!(!get::<bool>(&mut admin, "SELECT public.cache_exists('n:app.t')")?, "{path}");
    }
    Ok(())
}

#[test]
fn a_watch_gives_a_type_no_say_in_what_its_column_is_called_as() -> Result<()> {
    let (_cluster, mut admin, mut app) = begun()?;
    app.batch_execute(CAST)?;
    app.batch_execute(
        "CREATE CAST (app.mood AS text) WITH FUNCTION app.told(app.mood); CREATE TABLE app.u (id integer);
         SELECT cache_watch('app.u', ARRAY['u:{id}']);",
    )?;
    let change = "ALTER TABLE app.u ALTER COLUMN id TYPE app.mood USING NULL";
    assert_eq!(sqlstate(admin.batch_execute(change))?, SqlState::FEATURE_NOT_SUPPORTED);
    assert_eq!(get::<i64>(&mut admin, "SELECT count(*) FROM app.ran")?, 0);
    Ok(())
}

#[test]
fn a_trigger_that_cache_watch_has_not_made_harms_no_other_table() -> Result<()> {
    let (_cluster, mut admin, _app) = begun()?;
    admin.batch_execute(
        "SELECT cache_watch('app.t', ARRAY['t:{id}']);
         CREATE TABLE strange (id integer) PARTITION BY LIST (id);
         CREATE TABLE strange_one PARTITION OF strange FOR VALUES IN (1);
         CREATE TRIGGER cache_pg_watch_truncate AFTER INSERT ON strange EXECUTE FUNCTION cache_watch_trigger('?', 'two');
         SET allow_system_table_mods = on;",
    )?;
    for (number, told) in [
        (2, "?\\000two\\000"),
        (0, ""),
        (1, "?\\000"),
        (1, "{}\\000"),
        (1, "\\377\\000"),
        (1, "{\"keys\": [\"{\"], \"tags\": []}\\000"),
        (1, "{\"keys\": [\"\\\\u0000\"], \"tags\": [null]}\\000"),
    ] {
        admin.batch_execute(&format!(
            "UPDATE pg_trigger SET tgnargs = {number}, tgargs = '{told}' WHERE tgrelid = 'strange'::regclass"
        ))?;
        assert_eq!(
            get::<String>(&mut admin, "SELECT string_agg(source::text, ' ') FROM cache_watches")?,
            "app.t",
            "{told}"
        );
        admin.batch_execute(
            "CREATE TABLE elsewhere (id integer); ALTER TABLE elsewhere ADD COLUMN more text; DROP TABLE elsewhere;
             ALTER TABLE strange ADD COLUMN more text; ALTER TABLE strange DROP COLUMN more;
             CREATE TABLE strange_two PARTITION OF strange FOR VALUES IN (2); DROP TABLE strange_two;
             INSERT INTO app.t VALUES (1);",
        )?;
        let refused = sqlstate(admin.batch_execute("INSERT INTO strange VALUES (1)"))?;
        assert_eq!(refused, SqlState::E_R_I_E_TRIGGER_PROTOCOL_VIOLATED, "{told}");
    }
    admin.batch_execute("SELECT cache_unwatch('strange')")?;
    admin.batch_execute("INSERT INTO strange VALUES (1)")?;
    Ok(())
}

#[test]
fn the_trigger_function_is_that_of_the_extension_whatever_it_is_called() -> Result<()> {
    let (_cluster, mut admin, mut app) = begun()?;
    admin.batch_execute("GRANT CREATE ON SCHEMA public TO app")?;
    app.batch_execute(
        "CREATE FUNCTION public.cache_watch_trigger(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';
         CREATE FUNCTION app.cache_watch_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
         SELECT cache_watch('app.t', ARRAY['t:{id}']);",
    )?;
    assert_eq!(triggers(&mut admin, "app.t")?, 5);
    admin.batch_execute("ALTER FUNCTION public.cache_watch_trigger() RENAME TO renamed")?;
    app.batch_execute("CREATE TABLE app.u (id integer); SELECT cache_watch('app.u', ARRAY['u:{id}'])")?;
    admin.batch_execute("SELECT cache_set('u:1', '1'); INSERT INTO app.u VALUES (1)")?;
    assert!(!get::<bool>(&mut admin, "SELECT cache_exists('u:1')")?);
    assert_eq!(get::<i64>(&mut admin, "SELECT count(*) FROM cache_watches")?, 2);
    Ok(())
}

#[test]
fn to_watch_runs_no_event_trigger() -> Result<()> {
    let (_cluster, mut admin, mut app) = begun()?;
    admin.batch_execute(
        "CREATE FUNCTION told() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'told'; END$$;
         CREATE EVENT TRIGGER told_end ON ddl_command_end EXECUTE FUNCTION told();
         CREATE EVENT TRIGGER told_drop ON sql_drop EXECUTE FUNCTION told();",
    )?;
    app.batch_execute("SELECT cache_watch('app.t', ARRAY['t:{id}']); SELECT cache_watch('app.t', ARRAY['u:{id}'])")?;
    assert!(get::<bool>(&mut app, "SELECT cache_unwatch('app.t')")?);
    assert_eq!(triggers(&mut admin, "app.t")?, 0);
    Ok(())
}

#[test]
fn the_event_trigger_stops_no_command_of_anybody_whom_it_does_not_concern() -> Result<()> {
    let (cluster, mut admin, mut app) = begun()?;
    app.batch_execute("SELECT cache_watch('app.t', ARRAY['t:{id}'])")?;
    admin.batch_execute(
        "CREATE SCHEMA nobody AUTHORIZATION nobody; REVOKE ALL ON SCHEMA public FROM PUBLIC;
         CREATE EVENT TRIGGER odd_start ON ddl_command_start EXECUTE FUNCTION cache_watch_ddl();
         CREATE EVENT TRIGGER odd_drop ON sql_drop EXECUTE FUNCTION cache_watch_ddl();
         CREATE EVENT TRIGGER odd_rewrite ON table_rewrite EXECUTE FUNCTION cache_watch_ddl();",
    )?;
    let mut nobody = cluster.connect_as("nobody", "postgres")?;
    for command in [
        "CREATE TABLE nobody.plain (id integer PRIMARY KEY)",
        "CREATE TEMPORARY TABLE temporary (id integer)",
        "CREATE TABLE nobody.copied AS SELECT 1 AS one",
        "CREATE TABLE nobody.tree (id integer) PARTITION BY LIST (id)",
        "CREATE TABLE nobody.one PARTITION OF nobody.tree FOR VALUES IN (1)",
        "ALTER TABLE nobody.tree DETACH PARTITION nobody.one",
        "ALTER TABLE nobody.tree ATTACH PARTITION nobody.one FOR VALUES IN (1)",
        "CREATE TEMPORARY TABLE child () INHERITS (temporary)",
        "ALTER TABLE nobody.plain ALTER COLUMN id TYPE bigint",
        "ALTER TABLE nobody.plain RENAME TO renamed",
        "DROP TABLE nobody.renamed, nobody.tree, nobody.copied",
        "CREATE TYPE nobody.mood AS ENUM ('happy')",
        "CREATE TYPE nobody.pair AS (one integer, mood nobody.mood)",
        "CREATE TABLE nobody.pairs OF nobody.pair",
        "CREATE VIEW nobody.view AS SELECT one FROM nobody.pairs",
        "ALTER VIEW nobody.view RENAME COLUMN one TO two",
        "ALTER TYPE nobody.pair RENAME ATTRIBUTE mood TO moody CASCADE",
        "DROP TYPE nobody.mood CASCADE",
        "COMMENT ON TABLE nobody.pairs IS 'pairs'",
        "DROP OWNED BY nobody CASCADE",
    ] {
        ensure!(nobody.batch_execute(command).is_ok(), "refused: {command}");
    }
    Ok(())
}
