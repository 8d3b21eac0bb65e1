//! What others can see of the cache's work tells nothing about keys, and what the server has not made is no token.

use anyhow::Result;
use cache_pg_server_tests::{create_extension, get, server, sqlstate, with_extension};
use postgres::Client;
use postgres::error::SqlState;
use serde_json::Value;
use std::collections::HashSet;

/// The number under which `pg_locks` shows that this session computes a value for the key, in the last field's words.
fn number_of_claim(client: &mut Client, key: &str) -> Result<u64> {
    let locks = "SELECT to_jsonb(array_agg((classid::bigint << 32 | objid::bigint)::text)) FROM pg_locks
                 WHERE locktype = 'advisory' AND objsubid & 65535 = x'CAC0'::int AND pid = pg_backend_pid()";
    let seen: Value = client.query_one("SELECT cache_get_or_set($1, $2)", &[&key, &locks])?.try_get(0)?;
    let Some([Value::String(number)]) = seen.as_array().map(Vec::as_slice) else { anyhow::bail!("locks: {seen}") };
    Ok(number.parse::<i64>()? as u64)
}

/// FNV-1a, which anybody can compute.
fn fnv(key: &str) -> u64 {
    key.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[test]
fn what_pg_locks_shows_of_a_key_cannot_be_computed_and_is_another_number_in_every_run() -> Result<()> {
    for preloaded in [true, false] {
        let cluster = server()?.preload(preloaded).start()?;
        let mut seen = HashSet::new();
        drop(create_extension(&cluster, "postgres")?);
        for run in 0..3 {
            if run > 0 {
                cluster.restart()?;
            }
            let (mut one, mut other) = (cluster.connect("postgres")?, cluster.connect("postgres")?);
            let number = number_of_claim(&mut one, &format!("n:{run}"))?;
            assert_ne!(number, fnv(&format!("n:{run}")));
            let again = number_of_claim(&mut one, "n:same")?;
            one.batch_execute("SELECT cache_delete('n:same')")?;
            assert_eq!(number_of_claim(&mut other, "n:same")?, again, "two sessions must lock the same");
            other.batch_execute("SELECT cache_delete('n:same')")?;
            assert!(seen.insert(number) && seen.insert(again), "the same number again, preloaded: {preloaded}");
        }
    }
    Ok(())
}

#[test]
fn a_token_with_any_letter_changed_is_refused_as_malformed() -> Result<()> {
    let cluster = server()?.start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    let token: String = get(&mut client, "SELECT token FROM cache_fetch('n:k')")?;
    for at in 0..token.len() {
        let letter = if &token[at..=at] == "A" { "B" } else { "A" };
        let forged = format!("{}{letter}{}", &token[..at], &token[at + 1..]);
        let fill = client.query("SELECT cache_fill('n:k', '1', $1)", &[&forged]);
        assert_eq!(sqlstate(fill)?, SqlState::INVALID_PARAMETER_VALUE, "at {at}");
    }
    assert!(get::<bool>(&mut client, &format!("SELECT cache_fill('n:k', '1', '{token}')"))?);
    Ok(())
}

#[test]
fn a_token_of_one_database_is_malformed_in_another() -> Result<()> {
    let cluster = server()?.start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute("CREATE DATABASE other")?;
    let mut other = create_extension(&cluster, "other")?;
    let token: String = get(&mut client, "SELECT token FROM cache_fetch('n:k')")?;
    let fill = other.query("SELECT cache_fill('n:k', '1', $1)", &[&token]);
    assert_eq!(sqlstate(fill)?, SqlState::INVALID_PARAMETER_VALUE);
    Ok(())
}

#[test]
fn a_transaction_that_clears_many_namespaces_does_not_use_up_the_locks_of_the_server() -> Result<()> {
    let (cluster, mut client) = with_extension()?;
    client.batch_execute("BEGIN")?;
    client.batch_execute("SELECT cache_clear('same') FROM generate_series(1, 100)")?;
    let mut other = cluster.connect("postgres")?;
    assert_eq!(get::<Value>(&mut other, "SELECT cache_get_or_set('n:k', 'SELECT 1')")?, Value::from(1));
    assert!(get::<bool>(&mut other, "SELECT cache_exists('n:k')")?, "the clear of one namespace stopped another");
    client.batch_execute("SELECT cache_clear('n' || i) FROM generate_series(1, 10000) AS i")?;
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()";
    assert!(get::<i64>(&mut client, locks)? < 20);
    // What the last of them cleared is cleared.
    let token: String = get(&mut other, "SELECT token FROM cache_fetch('n10000:k')")?;
    assert!(!get::<bool>(&mut other, &format!("SELECT cache_fill('n10000:k', '1', '{token}')"))?);
    Ok(())
}
