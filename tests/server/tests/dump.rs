//! Backups and upgrades: pg_dump takes what was configured along and leaves the entries, which nobody would want back;
//! pg_upgrade takes all.

use anyhow::Result;
use cache_pg_server_tests::{
    PATIENCE, create_extension, every_verb_works, get, left_out, rows, sqlstate, swept, swift_server, write_expired,
};
use postgres::Client;
use postgres::error::SqlState;
use xtask::cluster::{Cluster, StopMode, wait_for};
use xtask::process;

/// A cache in use: entries, namespaces and grants.
fn cache_in_use(cluster: &Cluster) -> Result<()> {
    let mut client = create_extension(cluster, "postgres")?;
    client.batch_execute(
        "CREATE ROLE chef;
         CREATE FUNCTION load(key text) RETURNS jsonb LANGUAGE sql STABLE RETURN to_jsonb(current_user || ' ' || key);
         ALTER FUNCTION load OWNER TO chef;
         CREATE FUNCTION gone(key text) RETURNS jsonb LANGUAGE sql STABLE RETURN 'null'::jsonb;
         SELECT cache_configure('l', loader => 'load(text)'), cache_configure('g', loader => 'gone(text)');
         DROP FUNCTION gone;
         SELECT cache_configure('n', default_ttl => '3 hours', stale_for => '1 minute', jitter => 0.25,
                                max_value_size => 1000);
         SELECT cache_configure('', default_ttl => '2 minutes');
         SELECT cache_set('n:k', '1'); SELECT cache_set('k', '1'); SELECT cache_set_bytes('n:bytes', '1');
         CREATE ROLE app LOGIN;
         GRANT SELECT, INSERT, UPDATE, DELETE ON cache_entries TO app;
         CREATE ROLE reader LOGIN;
         GRANT SELECT ON cache_entries TO reader;
         SELECT cache_persistence('unlogged')",
    )?;
    Ok(())
}

/// But for the loader that was not there any more when it was restored: nobody owns it.
const NAMESPACES: &str =
    "SELECT jsonb_agg(CASE namespace WHEN 'g' THEN to_jsonb(n) - 'loader_owner' ELSE to_jsonb(n) END
                                  ORDER BY namespace) FROM cache_namespaces AS n";

fn is_restored(cluster: &Cluster, original: &mut Client) -> Result<()> {
    let mut client = cluster.connect("restored")?;
    assert_eq!(rows(&mut client)?, 0);
    let namespaces: serde_json::Value = get(original, NAMESPACES)?;
    assert_eq!(namespaces.as_array().map(Vec::len), Some(4));
    assert_eq!(get::<serde_json::Value>(&mut client, NAMESPACES)?, namespaces);
    assert_eq!(get::<String>(&mut client, "SELECT cache_persistence()")?, "logged", "pg_dump says nothing of it");
    let default = "SELECT cache_set('k', '1') BETWEEN now() + '1 minute' AND now() + '2 minutes 1 second'";
    assert!(get::<bool>(&mut client, default)?, "the namespace is not only there but in force");
    every_verb_works(&mut cluster.connect_as("app", "restored")?)?;
    let loaded = "SELECT cache_get_or_set('l:1') = to_jsonb('chef l:1'::text)";
    assert!(get::<bool>(&mut cluster.connect_as("app", "restored")?, loaded)?, "the loader is that of its owner");
    let mut reader = cluster.connect_as("reader", "restored")?;
    assert!(get::<bool>(&mut reader, "SELECT cache_exists('k')")?);
    assert_eq!(sqlstate(reader.query("SELECT cache_set('k', '2')", &[]))?, SqlState::INSUFFICIENT_PRIVILEGE);
    client.batch_execute("TRUNCATE cache_entries")?;
    write_expired(&mut client, 100)?;
    swept(&mut client)
}

#[test]
fn a_dump_restored_by_pg_restore_has_namespaces_and_grants_but_no_entries() -> Result<()> {
    let cluster = swift_server()?.start()?;
    cache_in_use(&cluster)?;
    let file = cluster.dir().join("dump");
    let installation = cluster.installation();
    let source = cluster.conninfo("postgres");
    process::output(installation.command("pg_dump").args(["-Fc", "--dbname", &source, "--file"]).arg(&file))?;
    let mut original = cluster.connect("postgres")?;
    original.batch_execute("CREATE DATABASE restored")?;
    let target = cluster.conninfo("restored");
    process::output(installation.command("pg_restore").args(["--exit-on-error", "--dbname", &target]).arg(&file))?;
    is_restored(&cluster, &mut original)
}

#[test]
fn a_dump_restored_by_psql_has_namespaces_and_grants_but_no_entries() -> Result<()> {
    let cluster = swift_server()?.start()?;
    cache_in_use(&cluster)?;
    let file = cluster.dir().join("dump.sql");
    let source = cluster.conninfo("postgres");
    process::output(cluster.installation().command("pg_dump").args(["--dbname", &source, "--file"]).arg(&file))?;
    let mut original = cluster.connect("postgres")?;
    original.batch_execute("CREATE DATABASE restored")?;
    cluster.psql_file("restored", &file)?;
    is_restored(&cluster, &mut original)
}

#[test]
fn pg_upgrade_takes_entries_and_all_that_was_configured_along() -> Result<()> {
    let old = swift_server()?.start()?;
    if !old.installation().bindir.join("pg_upgrade").is_file() {
        return left_out("pg_upgrade");
    }
    let mut client = create_extension(&old, "postgres")?;
    client.batch_execute(
        "CREATE ROLE app LOGIN;
         GRANT SELECT, INSERT, UPDATE, DELETE ON cache_entries TO app;
         SELECT cache_configure('n', default_ttl => '3 hours');
         CREATE TABLE tenant (slug text PRIMARY KEY, plan text);
         INSERT INTO tenant VALUES ('x', 'free');
         SELECT cache_watch('tenant', ARRAY['tenant:{slug}'], ARRAY['of:{slug}']);
         SELECT cache_set('tenant:x', '1', '1 day'), cache_set('tagged', '1', '1 day', tags => '{of:x}'),
                cache_set('k', '1', '1 day'), cache_set('deleted', '1', '1 day'), cache_set_bytes('bytes', '\\x00ff', '1 day');
         SELECT cache_delete('deleted')",
    )?;
    drop(client);
    old.stop(StopMode::Fast)?;
    let new = swift_server()?.start()?;
    new.stop(StopMode::Fast)?;
    let mut upgrade = new.installation().command("pg_upgrade");
    let bindir = &new.installation().bindir;
    upgrade.arg("-b").arg(bindir).arg("-B").arg(bindir).arg("-d").arg(old.data_dir()).arg("-D").arg(new.data_dir());
    process::output(process::as_server_user(upgrade.args(["-U", "postgres"]))?.current_dir(new.dir()))?;
    new.start()?;
    let mut client = new.connect("postgres")?;
    let found =
        "SELECT array_agg(key ORDER BY key COLLATE \"C\") = '{bytes,k,tagged,tenant:x}' FROM cache_keys() AS key";
    assert!(get::<bool>(&mut client, found)?);
    assert!(get::<bool>(&mut client, "SELECT cache_get_bytes('bytes') = '\\x00ff'")?);
    assert!(get::<bool>(&mut client, "SELECT cache_set('n:k', '1') > now() + interval '2 hours'")?);
    client.batch_execute("UPDATE tenant SET plan = 'pro'")?;
    assert!(get::<bool>(&mut client, "SELECT cache_get('tenant:x') IS NULL AND cache_get('tagged') IS NULL")?);
    every_verb_works(&mut new.connect_as("app", "postgres")?)?;
    client.batch_execute("SELECT cache_clear()")?;
    write_expired(&mut client, 100)?;
    wait_for(&mut client, "SELECT NOT EXISTS (SELECT FROM cache_entries WHERE key LIKE 'expired:%')", PATIENCE)
}
