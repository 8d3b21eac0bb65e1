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

#[test]
fn each_grant_allows_what_the_readme_says_and_no_more() {
    let (_cluster, mut client) = server();
    client.batch_execute("CREATE ROLE app; SELECT cache_set('a', '1')").unwrap();
    let verbs = [
        ("SELECT", "SELECT cache_get('a')"),
        ("INSERT, UPDATE", "SELECT cache_set('a', '1')"),
        ("DELETE", "SELECT cache_delete('a')"),
        ("DELETE", "SELECT cache_sweep()"),
        ("SELECT, DELETE", "SELECT cache_take('a')"),
    ];
    for (needed, statement) in verbs {
        let as_app = format!("SET LOCAL ROLE app; {statement}");
        for privilege in ["SELECT", "INSERT", "UPDATE", "DELETE"] {
            let all_but = ["SELECT", "INSERT", "UPDATE", "DELETE"].into_iter().filter(|other| *other != privilege);
            let mut transaction = client.transaction().unwrap();
            let granted = all_but.collect::<Vec<_>>().join(", ");
            transaction.batch_execute(&format!("GRANT {granted} ON cache_entries TO app")).unwrap();
            let allowed = transaction.batch_execute(&as_app).is_ok();
            assert_eq!(allowed, !needed.contains(privilege), "{statement} without {privilege}");
        }
        let mut transaction = client.transaction().unwrap();
        transaction.batch_execute(&format!("GRANT {needed} ON cache_entries TO app")).unwrap();
        transaction.batch_execute(&as_app).unwrap();
    }
}

#[test]
fn a_policy_makes_a_delete_need_what_it_does_inside() {
    let (_cluster, mut client) = server();
    client
        .batch_execute(
            "CREATE ROLE app; GRANT DELETE ON cache_entries TO app; SELECT cache_set('a', '1');
             ALTER TABLE cache_entries ENABLE ROW LEVEL SECURITY;
             CREATE POLICY own ON cache_entries FOR ALL TO app USING (true) WITH CHECK (true)",
        )
        .unwrap();
    for (grant, allowed) in [("DELETE", false), ("SELECT, INSERT, UPDATE, DELETE", true)] {
        client.batch_execute(&format!("GRANT {grant} ON cache_entries TO app")).unwrap();
        let mut transaction = client.transaction().unwrap();
        let deleted = transaction.batch_execute("SET LOCAL ROLE app; SELECT cache_delete('a')");
        assert_eq!(deleted.is_ok(), allowed, "{grant}");
    }
}
