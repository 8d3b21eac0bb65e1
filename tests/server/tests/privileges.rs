//! Who may do what: the privileges on `cache_entries` and nothing else.

use std::sync::Arc;

use anyhow::Result;
use cache_pg_server_tests::{Shared, create_database, get, server, sqlstate, value};
use postgres::Client;
use postgres::error::SqlState;
use xtask::cluster::Cluster;

static SHARED: Shared = Shared::new();

/// What needs SELECT.
const READS: [&str; 8] = [
    "cache_get('k')",
    "cache_exists('k')",
    "cache_ttl('k')",
    "cache_expires_at('k')",
    "cache_entry('k')",
    "cache_get_many('{k}')",
    "cache_keys()",
    "cache_keys('n')",
];

/// What needs INSERT and UPDATE.
const WRITES: [&str; 10] = [
    "cache_set('k', '1')",
    "cache_set('k', '1', '1 minute'::text)",
    "cache_set('k', '1', '1 minute'::interval)",
    "cache_set('k', '1', tags => '{t}')",
    "cache_add('k', '1')",
    "cache_add('absent', '1')",
    "cache_replace('k', '1')",
    "cache_cas('k', '1', '3')",
    "cache_touch('k')",
    "cache_set_many('{\"k\": 1, \"l\": 2}')",
];

/// What reads as well as it writes, or deletes.
const BOTH: [&str; 3] = ["cache_incr('k')", "cache_incr('new')", "cache_take('k')"];

/// What needs DELETE.
const DELETES: [&str; 6] = [
    "cache_delete('k')",
    "cache_delete('absent')",
    "cache_delete_many('{k,absent}')",
    "cache_clear()",
    "cache_clear('n')",
    "cache_sweep()",
];

/// What is the owner's alone.
const CONFIGURES: [&str; 2] = ["cache_configure('n', default_ttl => '1 minute')", "cache_unconfigure('n')"];

/// A database with the extension, and a connection of a role that has been granted `privileges` on the entries.
fn role(name: &str, privileges: Option<&str>) -> Result<(Arc<Cluster>, Client, Client)> {
    let cluster = SHARED.get(|| server()?.start())?;
    let mut owner = create_database(&cluster, name)?;
    owner.batch_execute(&format!("CREATE ROLE {name} LOGIN"))?;
    if let Some(privileges) = privileges {
        owner.batch_execute(&format!("GRANT {privileges} ON cache_entries TO {name}"))?;
    }
    owner
        .batch_execute("SELECT cache_set('k', '1', '1 hour'); SELECT cache_configure('n', default_ttl => '1 hour')")?;
    let client = cluster.connect_as(name, name)?;
    Ok((cluster, owner, client))
}

fn allowed(client: &mut Client, calls: &[&str]) -> Result<()> {
    for call in calls {
        let outcome = client.query(&format!("SELECT {call}"), &[]);
        assert!(outcome.is_ok(), "{call}: {outcome:?}");
    }
    Ok(())
}

fn denied(client: &mut Client, calls: &[&str]) -> Result<()> {
    for call in calls {
        let state = sqlstate(client.query(&format!("SELECT {call}"), &[]))?;
        assert_eq!(state, SqlState::INSUFFICIENT_PRIVILEGE, "{call}");
    }
    Ok(())
}

#[test]
fn select_lets_a_role_read_and_nothing_else() -> Result<()> {
    let (_cluster, _, mut client) = role("reader", Some("SELECT"))?;
    allowed(&mut client, &READS)?;
    denied(&mut client, &WRITES)?;
    denied(&mut client, &DELETES)?;
    denied(&mut client, &BOTH)?;
    denied(&mut client, &CONFIGURES)?;
    assert!(get::<bool>(&mut client, "SELECT cache_get_or_null('k') = '1' AND NOT cache_try_set('k', '2')")?);
    assert!(get::<bool>(&mut client, "SELECT cache_get('k') = '1'")?);
    Ok(())
}

#[test]
fn insert_and_update_let_a_role_write_and_nothing_else() -> Result<()> {
    let (_cluster, mut owner, mut client) = role("writer", Some("INSERT, UPDATE"))?;
    allowed(&mut client, &WRITES)?;
    denied(&mut client, &READS)?;
    denied(&mut client, &DELETES)?;
    denied(&mut client, &BOTH)?;
    denied(&mut client, &CONFIGURES)?;
    assert!(get::<bool>(&mut client, "SELECT cache_try_set('k', '7') AND cache_get_or_null('k') IS NULL")?);
    assert!(get::<bool>(&mut owner, "SELECT cache_get('k') = '7'")?);
    Ok(())
}

#[test]
fn one_of_insert_and_update_is_not_enough_to_write() -> Result<()> {
    for (name, privilege) in [("inserter", "INSERT"), ("updater", "UPDATE")] {
        let (_cluster, _, mut client) = role(name, Some(privilege))?;
        denied(&mut client, &WRITES)?;
    }
    Ok(())
}

#[test]
fn delete_lets_a_role_delete_and_nothing_else() -> Result<()> {
    let (_cluster, mut owner, mut client) = role("deleter", Some("DELETE"))?;
    denied(&mut client, &READS)?;
    denied(&mut client, &WRITES)?;
    denied(&mut client, &BOTH)?;
    denied(&mut client, &CONFIGURES)?;
    assert!(get::<bool>(&mut client, "SELECT cache_delete('k')")?);
    assert_eq!(value::<serde_json::Value>(&mut owner, "SELECT cache_get('k')")?, None);
    allowed(&mut client, &DELETES)
}

#[test]
fn select_and_delete_let_a_role_take() -> Result<()> {
    let (_cluster, _, mut client) = role("taker", Some("SELECT, DELETE"))?;
    assert!(get::<bool>(&mut client, "SELECT cache_take('k') = '1'")?);
    assert!(get::<bool>(&mut client, "SELECT cache_take('k') IS NULL")?);
    denied(&mut client, &WRITES)?;
    denied(&mut client, &["cache_incr('k')"])
}

#[test]
fn select_insert_and_update_let_a_role_count() -> Result<()> {
    let (_cluster, _, mut client) = role("counter", Some("SELECT, INSERT, UPDATE"))?;
    assert_eq!(get::<i64>(&mut client, "SELECT cache_incr('k')")?, 2);
    assert_eq!(get::<i64>(&mut client, "SELECT cache_incr('new')")?, 1);
    denied(&mut client, &DELETES)?;
    denied(&mut client, &["cache_take('k')"])
}

#[test]
fn one_grant_is_all_that_an_application_needs() -> Result<()> {
    let (_cluster, _, mut client) = role("application", Some("SELECT, INSERT, UPDATE, DELETE"))?;
    for calls in [&BOTH[..], &READS, &WRITES, &DELETES] {
        allowed(&mut client, calls)?;
    }
    denied(&mut client, &CONFIGURES)
}

#[test]
fn without_a_grant_the_two_that_never_raise_do_not_and_the_transaction_stays_usable() -> Result<()> {
    let (_cluster, mut owner, mut client) = role("nobody_at_all", None)?;
    for calls in [&READS[..], &WRITES, &BOTH, &DELETES, &CONFIGURES] {
        denied(&mut client, calls)?;
    }
    for table in ["cache_entries", "cache_namespaces"] {
        let state = sqlstate(client.query(&format!("SELECT * FROM {table}"), &[]))?;
        assert_eq!(state, SqlState::INSUFFICIENT_PRIVILEGE, "{table}");
    }
    client.batch_execute("CREATE TEMP TABLE own (id int)")?;
    let mut transaction = client.transaction()?;
    transaction.execute("INSERT INTO own VALUES (1)", &[])?;
    let row = transaction.query_one("SELECT cache_get_or_null('k') IS NULL, cache_try_set('k', '2')", &[])?;
    assert_eq!((row.try_get(0)?, row.try_get(1)?), (true, false));
    transaction.execute("INSERT INTO own VALUES (2)", &[])?;
    transaction.commit()?;
    assert_eq!(get::<i64>(&mut client, "SELECT count(*) FROM own")?, 2);
    assert!(get::<bool>(&mut owner, "SELECT cache_get('k') = '1'")?);
    Ok(())
}

#[test]
fn a_revoked_privilege_is_gone_with_the_next_call_of_a_session() -> Result<()> {
    let (_cluster, mut owner, mut client) = role("fallen", Some("SELECT, INSERT, UPDATE, DELETE"))?;
    for calls in [&BOTH[..], &READS, &WRITES, &DELETES] {
        allowed(&mut client, calls)?;
    }
    owner.batch_execute("REVOKE ALL ON cache_entries FROM fallen")?;
    for calls in [&BOTH[..], &READS, &WRITES, &DELETES] {
        denied(&mut client, calls)?;
    }
    Ok(())
}

#[test]
fn configuring_can_be_granted() -> Result<()> {
    let (_cluster, mut owner, mut client) = role("operator", Some("INSERT, UPDATE"))?;
    owner.batch_execute("GRANT EXECUTE ON FUNCTION cache_configure, cache_unconfigure TO operator")?;
    allowed(&mut client, &CONFIGURES)
}
