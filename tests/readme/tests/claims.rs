//! What the pages say in words and show in no snippet.

use anyhow::{Result, ensure};
use cache_pg_readme_tests::server;
use postgres::Client;
use xtask::cluster::Cluster;

const REPEATABLE_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ";

fn is_true(client: &mut Client, query: &str) -> Result<bool> {
    Ok(client.query_one(query, &[])?.try_get(0)?)
}

/// Looks up, lets another session delete the key, stores what it has read before, and returns whether that is stored.
fn store_late(cluster: &Cluster, client: &mut Client, begin: &str, delete: &str) -> Result<bool> {
    client.batch_execute(begin)?;
    ensure!(is_true(client, "SELECT cache_get('tenant:a') IS NULL")?);
    cluster.connect("postgres")?.batch_execute(delete)?;
    let stored = is_true(client, r#"SELECT cache_try_set('tenant:a', '"old"', '1 minute')"#)?;
    client.batch_execute("COMMIT")?;
    ensure!(is_true(client, "SELECT cache_exists('tenant:a')")? == stored);
    client.batch_execute("TRUNCATE cache_entries")?;
    Ok(stored)
}

#[test]
fn a_late_value_is_refused_under_repeatable_read_and_stored_under_read_committed() -> Result<()> {
    let (cluster, mut client) = server()?;
    for delete in ["SELECT cache_delete('tenant:a')", "SELECT cache_delete_many(ARRAY['b', 'tenant:a'])"] {
        assert!(!store_late(&cluster, &mut client, REPEATABLE_READ, delete)?);
        assert!(store_late(&cluster, &mut client, "BEGIN ISOLATION LEVEL READ COMMITTED", delete)?);
    }
    assert!(!store_late(&cluster, &mut client, REPEATABLE_READ, "SELECT cache_clear('tenant')")?);
    Ok(())
}

#[test]
fn a_delete_that_commits_last_refuses_the_late_value_too() -> Result<()> {
    let (cluster, mut reader) = server()?;
    let mut writer = cluster.connect("postgres")?;
    writer.batch_execute("BEGIN; SELECT cache_delete('tenant:a')")?;
    reader.batch_execute(&format!("{REPEATABLE_READ}; SELECT cache_get('tenant:a')"))?;
    writer.batch_execute("COMMIT")?;
    assert!(!is_true(&mut reader, r#"SELECT cache_try_set('tenant:a', '"old"')"#)?);
    Ok(())
}

#[test]
fn a_statement_does_not_see_its_own_set_and_the_next_one_does() -> Result<()> {
    let (_cluster, mut client) = server()?;
    assert!(is_true(&mut client, "SELECT cache_get('a') IS NULL FROM cache_set('a', '1')")?);
    assert!(is_true(&mut client, "SELECT cache_get('a') = '1'")?);
    Ok(())
}

#[test]
fn a_dump_has_namespaces_and_grants_but_neither_entries_nor_policies() -> Result<()> {
    let (cluster, mut client) = server()?;
    client.batch_execute(
        "SELECT cache_configure('menu', default_ttl => '10 minutes'), cache_set('menu:secret', '1');
         CREATE ROLE app; GRANT SELECT ON cache_entries TO app;
         ALTER TABLE cache_entries ENABLE ROW LEVEL SECURITY;
         CREATE POLICY own ON cache_entries FOR ALL TO app USING (true)",
    )?;
    let dump = cluster.installation().command("pg_dump").arg(cluster.conninfo("postgres")).output()?;
    let dump = String::from_utf8(dump.stdout)?;
    assert!(dump.contains("\nmenu\t00:10:00\t"), "{dump}");
    assert!(dump.contains("GRANT SELECT ON TABLE public.cache_entries TO app"), "{dump}");
    for absent in ["secret", "POLICY", "ROW LEVEL SECURITY"] {
        assert!(!dump.contains(absent), "{absent} in {dump}");
    }
    Ok(())
}
