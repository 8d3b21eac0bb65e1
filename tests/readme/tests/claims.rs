//! What the README says in words and shows in no snippet.

use postgres::Client;
use xtask::cluster::Cluster;
use xtask::postgres as installations;

fn server() -> (Cluster, Client) {
    let cluster = Cluster::start_new(&installations::under_test().unwrap()).unwrap();
    let mut client = cluster.connect("postgres").unwrap();
    client.batch_execute("CREATE EXTENSION cache_pg").unwrap();
    (cluster, client)
}

fn is_true(client: &mut Client, query: &str) -> bool {
    client.query_one(query, &[]).unwrap().get(0)
}

/// Looks up, lets another session delete the key, and stores what it has read before.
fn store_late(cluster: &Cluster, client: &mut Client, begin: &str, delete: &str) -> bool {
    client.batch_execute(begin).unwrap();
    assert!(is_true(client, "SELECT cache_get('tenant:a') IS NULL"));
    cluster.connect("postgres").unwrap().batch_execute(delete).unwrap();
    let stored = is_true(client, r#"SELECT cache_try_set('tenant:a', '"old"', '1 minute')"#);
    client.batch_execute("COMMIT").unwrap();
    assert_eq!(is_true(client, "SELECT cache_exists('tenant:a')"), stored);
    client.batch_execute("TRUNCATE cache_entries").unwrap();
    stored
}

#[test]
fn a_late_value_is_refused_under_repeatable_read_and_stored_under_read_committed() {
    let (cluster, mut client) = server();
    for delete in ["SELECT cache_delete('tenant:a')", "SELECT cache_delete_many(ARRAY['b', 'tenant:a'])"] {
        assert!(!store_late(&cluster, &mut client, "BEGIN ISOLATION LEVEL REPEATABLE READ", delete));
        assert!(store_late(&cluster, &mut client, "BEGIN ISOLATION LEVEL READ COMMITTED", delete));
    }
    let clear = "SELECT cache_clear('tenant')";
    assert!(store_late(&cluster, &mut client, "BEGIN ISOLATION LEVEL REPEATABLE READ", clear));
}

#[test]
fn a_delete_that_commits_last_refuses_the_late_value_too() {
    let (cluster, mut reader) = server();
    let mut writer = cluster.connect("postgres").unwrap();
    writer.batch_execute("BEGIN; SELECT cache_delete('tenant:a')").unwrap();
    reader.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT cache_get('tenant:a')").unwrap();
    writer.batch_execute("COMMIT").unwrap();
    assert!(!is_true(&mut reader, r#"SELECT cache_try_set('tenant:a', '"old"')"#));
}

#[test]
fn a_statement_does_not_see_its_own_set_and_the_next_one_does() {
    let (_cluster, mut client) = server();
    assert!(!is_true(&mut client, "SELECT cache_exists('a') FROM cache_set('a', '1')"));
    assert!(is_true(&mut client, "SELECT cache_exists('a')"));
}

#[test]
fn a_dump_has_namespaces_and_grants_but_neither_entries_nor_policies() {
    let (cluster, mut client) = server();
    client
        .batch_execute(
            "SELECT cache_configure('menu', default_ttl => '10 minutes'), cache_set('menu:secret', '1');
             CREATE ROLE app; GRANT SELECT ON cache_entries TO app;
             ALTER TABLE cache_entries ENABLE ROW LEVEL SECURITY;
             CREATE POLICY own ON cache_entries FOR ALL TO app USING (true)",
        )
        .unwrap();
    let dump = cluster.installation().command("pg_dump").arg(cluster.conninfo("postgres")).output().unwrap();
    let dump = String::from_utf8(dump.stdout).unwrap();
    assert!(dump.contains("\nmenu\t00:10:00\t"), "{dump}");
    assert!(dump.contains("GRANT SELECT ON TABLE public.cache_entries TO app"), "{dump}");
    for absent in ["secret", "POLICY", "ROW LEVEL SECURITY"] {
        assert!(!dump.contains(absent), "{absent} in {dump}");
    }
}
