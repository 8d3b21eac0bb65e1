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

/// Each write of a value, and each delete, in the order of the keys; what changes no value is told to nobody.
#[test]
fn a_listener_is_told_of_every_way_to_write_and_to_delete() -> Result<()> {
    let (cluster, mut client) = near_caches()?;
    let mut listener = cluster.connect("postgres")?;
    listener.batch_execute("LISTEN cache_pg")?;
    let (a, all) = (json!([{"key": "near:a"}]), json!([{"namespace": "near"}]));
    let nothing = json!([]);
    let version = "(SELECT version FROM cache_entry('near:a'))";
    for (call, expected) in [
        ("cache_set_bytes('near:a', '1')", &a),
        ("cache_replace_bytes('near:a', '2')", &a),
        ("cache_add_bytes('near:a', '3')", &nothing),
        (&format!("cache_cas_bytes('near:a', '4', {version})"), &a),
        (&format!("cache_touch('near:a', '1 hour', {version})"), &nothing),
        ("cache_get_and_touch_bytes('near:a', '1 hour')", &nothing),
        ("cache_delete('near:a', '3')", &nothing),
        (&format!("cache_delete('near:a', {version})"), &a),
        ("cache_set('near:a', '1', expires_at => '2000-01-01')", &a),
        ("cache_lock('near:a', 'me', 60)", &a),
        ("cache_lock('near:a', 'you', 60)", &nothing),
        ("cache_unlock('near:a', 'you')", &nothing),
        ("cache_unlock('near:a', 'me')", &a),
        ("cache_set_many('{near:b,near:a}'::text[], '{1,2}'::jsonb[])", &json!([{"key": "near:a"}, {"key": "near:b"}])),
        ("cache_set_many_bytes('{near:b,far:a}', ARRAY['1', '2']::bytea[])", &json!([{"key": "near:b"}])),
        ("cache_take_bytes('near:b')", &json!([{"key": "near:b"}])),
        ("cache_touch('near:a', expires_at => '2000-01-01')", &a),
        ("cache_clear(prefix => 'near:a')", &all),
        ("cache_clear('near', 'near:a')", &all),
        ("cache_clear(prefix => 'ne')", &all),
        ("cache_clear(prefix => 'far:')", &nothing),
        ("cache_incr('near:n', initial => NULL)", &nothing),
        (
            "cache_fill_bytes('near:f', '1', (SELECT token FROM cache_fetch_bytes('near:f')))",
            &json!([{"key": "near:f"}]),
        ),
    ] {
        client.batch_execute(&format!("SELECT {call}"))?;
        client.batch_execute("NOTIFY cache_pg, '\"end\"'")?;
        let mut messages = Vec::new();
        loop {
            match told(&mut listener)? {
                end if end == json!("end") => break,
                message => messages.push(message),
            }
        }
        assert_eq!(json!(messages), *expected, "{call}");
    }
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
