//! A library under a schema that it does not know: every path says so with 55000, none crashes, and nothing is missed
//! silently.
//!
//! One library plays both parts: a made-up script pretends that the schema is newer. Must never leave a path out
//! because it is rarely taken.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cache_pg_server_tests::{PATIENCE, create_extension, every_verb_works, get, sqlstate};
use cache_pg_upgrade_tests::{Fixture, present, released_script, unique};
use postgres::Client;
use postgres::error::SqlState;
use xtask::cluster::{Cluster, LIFETIME_IN_TESTS, poll};
use xtask::postgres::under_test;

const UNKNOWN: SqlState = SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE;

/// A database whose extension can be updated to versions that the library does not know, and back: to a newer one, and to
/// one that is no version.
struct Pretence {
    cluster: Cluster,
    client: Client,
    library: String,
    schemas: [String; 2],
    _fixture: Fixture,
}

fn server(preload: bool) -> Result<Pretence> {
    let installation = under_test()?;
    let library = present(&installation)?;
    let mut fixture = Fixture::new(&installation);
    let schemas = [format!("9.0.{}", unique()), format!("next{}", unique())];
    for other in &schemas {
        fixture = fixture.upgrade(&library, other, "SELECT 1;")?.upgrade(other, &library, "SELECT 1;")?;
    }
    let cluster = Cluster::builder(&installation)
        .preload(preload)
        .conf("cache_pg.sweep_interval", "1s")
        .lifetime(LIFETIME_IN_TESTS)
        .start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute(
        "CREATE TABLE tenant (slug text, plan text); INSERT INTO tenant VALUES ('x', 'free');
         SELECT cache_watch('tenant', ARRAY['tenant:{slug}']);
         CREATE TABLE dish (id integer, tenant text) PARTITION BY LIST (tenant);
         SELECT cache_watch('dish', ARRAY['dish:{id}']);
         SELECT cache_set('tenant:x', '1', '1 day')",
    )?;
    Ok(Pretence { cluster, client, library, schemas, _fixture: fixture })
}

/// Pretends that the schema has another version: the event triggers, which would refuse it, do not run.
fn pretend(client: &mut Client, version: &str) -> Result<()> {
    client.batch_execute(&format!(
        "ALTER EVENT TRIGGER cache_pg_watch DISABLE;
         ALTER EXTENSION cache_pg UPDATE TO '{version}';
         -- PostgreSQL reports a change of a table to all sessions, but none of pg_extension.
         ALTER TABLE cache_entries SET (fillfactor = 80);
         ALTER EVENT TRIGGER cache_pg_watch ENABLE ALWAYS"
    ))?;
    Ok(())
}

/// The statement is refused, and the error names both versions and says what to do.
fn is_refused(client: &mut Client, statement: &str, schema: &str, library: &str) -> Result<()> {
    let error = client.batch_execute(statement).err().with_context(|| format!("not refused: {statement}"))?;
    let error = error.as_db_error().with_context(|| format!("the connection broke: {statement}"))?;
    ensure!(*error.code() == UNKNOWN, "{statement}: {error:?}");
    let says_versions = error.message().contains(&format!("\"{schema}\"")) && error.message().contains(library);
    ensure!(says_versions, "{statement}: {}", error.message());
    let hint = error.hint().unwrap_or_default();
    ensure!(
        hint.contains(if schema.starts_with("9.") { "Restart the server" } else { "pg_extension" }),
        "{statement}: {hint}"
    );
    Ok(())
}

/// A call of every function of the extension, with arguments that are good for most.
const CALLS: &str = "
    SELECT p.oid::regprocedure::text, p.proname::text, format(CASE p.prokind WHEN 'p' THEN 'CALL %s(%s)' ELSE 'SELECT * FROM %s(%s)' END, p.oid::regproc, (
        SELECT string_agg(CASE WHEN n = p.pronargs AND p.provariadic <> 0 THEN 'VARIADIC ' ELSE '' END || CASE
            WHEN t = 'text'::regtype AND p.proargnames[n] = 'ttl' THEN '''1 hour''::text'
            WHEN t = 'text'::regtype AND p.proargnames[n] = 'warm' THEN '''VALUES (1)''::text'
            WHEN t = 'text'::regtype AND p.proargnames[n] = 'mode' THEN '''logged''::text'
            WHEN t = 'text'::regtype AND p.proargnames[n] = 'entries' THEN '''{\"k\": 1}''::text'
            WHEN t = 'text'::regtype THEN '''k''::text'
            WHEN t = 'jsonb'::regtype THEN '''{\"k\": 1}''::jsonb'
            WHEN t = 'bytea'::regtype THEN '''1''::bytea'
            WHEN t = 'interval'::regtype THEN '''1 hour''::interval'
            WHEN t = 'xid8'::regtype THEN '''1''::xid8'
            WHEN t = 'regclass'::regtype THEN '''tenant''::regclass'
            WHEN t = 'text[]'::regtype AND p.proargnames[n] = 'ttl' THEN '''{1 hour}''::text[]'
            WHEN t = 'text[]'::regtype THEN '''{k}''::text[]'
            WHEN t = 'interval[]'::regtype THEN '''{1 hour}''::interval[]'
            WHEN t IN ('double precision[]'::regtype, 'bigint[]'::regtype, 'jsonb[]'::regtype, 'bytea[]'::regtype)
                THEN '''{1}''::' || t::regtype
            WHEN t IN ('integer'::regtype, 'bigint'::regtype, 'double precision'::regtype) THEN '1::' || t::regtype
            ELSE 'NULL::' || t::regtype END, ', ' ORDER BY n)
        FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY AS a (t, n)))
    FROM pg_depend AS d JOIN pg_proc AS p ON p.oid = d.objid
    WHERE d.deptype = 'e' AND d.classid = 'pg_proc'::regclass
      AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'cache_pg')
      AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)";
/// Functions of their arguments alone.
const PURE: [&str; 2] = ["cache_key", "cache_watch_templates"];

fn every_path_is_refused(client: &mut Client, schema: &str, library: &str) -> Result<()> {
    let mut refused = 0;
    for row in client.query(CALLS, &[])? {
        let (function, name, call): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        if PURE.contains(&name.as_str()) {
            continue;
        }
        // Without two deadlines, and with a token that is none: some refuse their arguments first.
        if name.starts_with("cache_fill") || name == "cache_release" {
            let code = sqlstate(client.batch_execute(&call)).with_context(|| function.clone())?;
            ensure!(code == UNKNOWN || code == SqlState::INVALID_PARAMETER_VALUE, "{function}: {code:?}");
            continue;
        }
        // These never raise, but report.
        if name == "cache_get_or_null" || name.starts_with("cache_try_set") {
            client.batch_execute(&call).with_context(|| function.clone())?;
            continue;
        }
        is_refused(client, &call, schema, library).with_context(|| function.clone())?;
        refused += 1;
    }
    ensure!(refused > 60, "only {refused} functions were called");
    for statement in [
        "SELECT * FROM cache_stats",
        "SELECT * FROM cache_health",
        "SELECT * FROM cache_sizes",
        "INSERT INTO cache_entries (key, expires_at, value) VALUES ('plain', 'infinity', '1')",
        "UPDATE cache_entries SET value = '2'",
        "DELETE FROM cache_entries",
        "INSERT INTO cache_namespaces (namespace) VALUES ('plain')",
        "TRUNCATE cache_tags",
        "INSERT INTO tenant VALUES ('y', 'free')",
        "UPDATE tenant SET plan = 'pro'",
        "DELETE FROM tenant",
        "TRUNCATE tenant",
        "CREATE TABLE dish_x PARTITION OF dish FOR VALUES IN ('x')",
        "ALTER TABLE tenant RENAME slug TO s",
        "ALTER TABLE tenant DROP COLUMN slug",
    ] {
        is_refused(client, statement, schema, library)?;
    }
    Ok(())
}

#[test]
fn every_path_says_that_the_schema_is_newer_than_the_library() -> Result<()> {
    for preload in [true, false] {
        let Pretence { cluster, mut client, library, schemas, _fixture } = server(preload)?;
        for schema in &schemas {
            // One session has used the cache before.
            let mut other = cluster.connect("postgres")?;
            ensure!(get::<bool>(&mut other, "SELECT cache_get('tenant:x') = '1'")?);
            let log = cluster.log().len();
            pretend(&mut client, schema)?;
            every_path_is_refused(&mut other, schema, &library).with_context(|| format!("preloaded: {preload}"))?;
            every_path_is_refused(&mut cluster.connect("postgres")?, schema, &library)?;
            // A miss would be silent where a caller asks for that: then a warning or a count tells of it.
            other.batch_execute("SET cache_pg.errors = warn")?;
            ensure!(get::<bool>(&mut other, "SELECT cache_get('tenant:x') IS NULL")?);
            other.batch_execute("RESET cache_pg.errors")?;
            if preload {
                let failed = format!("does not support version \"{schema}\"");
                // Where nothing is due and nothing is written, it comes once a minute.
                poll(2 * PATIENCE, "the sweeper to fail and to say why", || {
                    Ok(cluster.log()[log..]
                        .lines()
                        .any(|line| line.contains("cache_pg sweep failed") && line.contains(&failed)))
                })?;
            }
            ensure!(!cluster.log()[log..].contains("terminated by signal"), "{}", cluster.log());
            // The way back: every session goes on at once, and no session has to be told by another change of a table.
            client.batch_execute(&format!("ALTER EXTENSION cache_pg UPDATE TO '{library}'"))?;
            ensure!(get::<bool>(&mut other, "SELECT cache_get('tenant:x') = '1'")?, "nothing was lost");
            every_verb_works(&mut other)?;
        }
    }
    Ok(())
}

#[test]
fn an_update_to_an_unknown_version_is_refused_as_a_whole() -> Result<()> {
    let Pretence { cluster, mut client, library, schemas, _fixture } = server(true)?;
    for schema in &schemas {
        is_refused(&mut client, &format!("ALTER EXTENSION cache_pg UPDATE TO '{schema}'"), schema, &library)?;
        let version: String = get(&mut client, "SELECT extversion FROM pg_extension WHERE extname = 'cache_pg'")?;
        ensure!(version == library, "{version}");
        ensure!(get::<bool>(&mut client, "SELECT cache_get('tenant:x') = '1'")?, "the session goes on");
    }
    // With the files of a newer version on the disk, the old library creates no new schema either.
    let installation = under_test()?;
    let files =
        Fixture::new(&installation).install(&format!("{}9", schemas[0]), &released_script(&installation, &library)?)?;
    cluster.connect("postgres")?.batch_execute("CREATE DATABASE fresh")?;
    let newer = format!("{}9", schemas[0]);
    is_refused(
        &mut cluster.connect("fresh")?,
        &format!("CREATE EXTENSION cache_pg VERSION '{newer}'"),
        &newer,
        &library,
    )?;
    drop(files);
    // A superuser can write anything into the catalog.
    client.batch_execute("UPDATE pg_extension SET extversion = '' WHERE extname = 'cache_pg'")?;
    let error = cluster.connect("postgres")?.query("SELECT cache_get('tenant:x')", &[]);
    ensure!(sqlstate(error)? == UNKNOWN);
    // The extension can always be dropped, and tables that are not watched can be changed where none is.
    client.batch_execute(
        "DROP EXTENSION cache_pg CASCADE; DROP TABLE tenant; CREATE EXTENSION cache_pg; SELECT cache_set('k', '1')",
    )?;
    Ok(())
}

#[test]
fn commands_on_other_tables_work_where_none_is_watched() -> Result<()> {
    let Pretence { cluster, mut client, schemas, _fixture, .. } = server(true)?;
    client.batch_execute("SELECT cache_unwatch('tenant'), cache_unwatch('dish')")?;
    pretend(&mut client, &schemas[0])?;
    let mut other = cluster.connect("postgres")?;
    other.batch_execute(
        "CREATE TABLE t (a int); ALTER TABLE t RENAME a TO b; DROP TABLE t; UPDATE tenant SET plan = 'pro'",
    )?;
    ensure!(sqlstate(other.query("SELECT cache_get('k')", &[]))? == UNKNOWN);
    // A newer schema may have other tables.
    client.batch_execute("SET event_triggers = off; ALTER TABLE cache_tags RENAME TO cache_labels").or_else(|_| {
        // Before PostgreSQL 17 event triggers cannot be switched off; this one has nothing to say here.
        client.batch_execute("ALTER TABLE cache_tags RENAME TO cache_labels")
    })?;
    cluster.connect("postgres")?.batch_execute("CREATE TABLE t (a int); ALTER TABLE t DROP COLUMN a; DROP TABLE t")?;
    Ok(())
}

#[test]
fn another_database_with_an_unknown_schema_disturbs_none() -> Result<()> {
    let Pretence { cluster, mut client, schemas, _fixture, .. } = server(true)?;
    let mut second = cache_pg_server_tests::create_database(&cluster, "second")?;
    pretend(&mut client, &schemas[0])?;
    every_verb_works(&mut second)?;
    second.batch_execute(
        "INSERT INTO cache_entries (key, value, created_at, expires_at) VALUES ('due', '1', '2000-01-01', '2001-01-01')",
    )?;
    xtask::cluster::wait_for(
        &mut second,
        "SELECT NOT EXISTS (SELECT FROM cache_entries WHERE key = 'due')",
        Duration::from_secs(45),
    )
}
