//! Near caches, as a client keeps them: it listens, and forgets what it is told.

use anyhow::Result;
use cache_pg_server_tests::{PATIENCE, create_extension, server, sqlstate};
use postgres::Client;
use postgres::error::SqlState;
use postgres::fallible_iterator::FallibleIterator;
use serde_json::{Value, json};
use xtask::cluster::Cluster;

fn near_caches() -> Result<(Cluster, Client)> {
    let cluster = server()?.conf("max_prepared_transactions", "10").start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute("SELECT cache_configure('near', notify => true)")?;
    Ok((cluster, client))
}

/// The next message, which must come soon.
fn told(listener: &mut Client) -> Result<Value> {
    let message = listener.notifications().timeout_iter(PATIENCE).next()?;
    let payload = message.map(|message| message.payload().to_owned()).unwrap_or_default();
    Ok(serde_json::from_str(&payload)?)
}

#[test]
fn a_listener_is_told_every_key_as_it_is() -> Result<()> {
    let (cluster, mut client) = near_caches()?;
    let mut listener = cluster.connect("postgres")?;
    listener.batch_execute("LISTEN cache_pg")?;
    let longest = format!("near:{}", "\"".repeat(507));
    for key in ["near:a", "near:\"quoted\" \\ {braces}", "near:ключ 🍔", &longest] {
        client.execute("SELECT cache_delete($1)", &[&key])?;
        assert_eq!(told(&mut listener)?, json!({"key": key}));
    }
    client.batch_execute("SELECT cache_invalidate_tags('a \"tag\"')")?;
    client.batch_execute("SELECT cache_clear()")?;
    assert_eq!(told(&mut listener)?, json!({"tag": "a \"tag\""}));
    assert_eq!(told(&mut listener)?, json!({"namespace": "near"}));
    Ok(())
}

#[test]
fn a_transaction_that_has_something_to_tell_cannot_be_prepared() -> Result<()> {
    let (_cluster, mut client) = near_caches()?;
    let prepare = |change: &str| format!("BEGIN; {change}; PREPARE TRANSACTION 'p'");
    let refused = client.batch_execute(&prepare("SELECT cache_delete('near:a')"));
    assert_eq!(sqlstate(refused)?, SqlState::FEATURE_NOT_SUPPORTED);
    client.batch_execute("ROLLBACK")?;
    client.batch_execute(&prepare("SELECT cache_delete('far:a')"))?;
    client.batch_execute("COMMIT PREPARED 'p'")?;
    client.batch_execute(&prepare("SELECT cache_get('near:a')"))?;
    client.batch_execute("COMMIT PREPARED 'p'")?;
    Ok(())
}
