//! Many clients on one cache: nobody gets in anybody's way, and what is atomic is.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use anyhow::{Result, ensure};
use cache_pg_server_tests::{Shared, get, swift_server, together_with, value};
use postgres::Client;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use xtask::cluster::Cluster;

static SHARED: Shared = Shared::new();

/// A database of its own on the server of this file.
fn database(name: &str) -> Result<(Arc<Cluster>, Client)> {
    SHARED.database(name, || Ok(swift_server()?.conf("max_connections", "250")))
}

fn no_deadlocks(client: &mut Client) -> Result<()> {
    let deadlocks: i64 = get(client, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")?;
    assert_eq!(deadlocks, 0);
    Ok(())
}

#[test]
fn what_one_client_sets_or_deletes_the_other_sees() -> Result<()> {
    let (cluster, mut one) = database("two")?;
    let mut other = cluster.connect("two")?;
    for round in 0..20 {
        one.execute("SELECT cache_set('k', to_jsonb($1::int), '1 hour'::text)", &[&round])?;
        assert_eq!(get::<Value>(&mut other, "SELECT cache_get('k')")?, json!(round));
        assert!(get::<bool>(&mut other, "SELECT cache_delete('k')")?);
        assert_eq!(value::<Value>(&mut one, "SELECT cache_get('k')")?, None);
    }
    Ok(())
}

#[test]
fn a_hundred_clients_get_no_error_and_no_value_of_another_key() -> Result<()> {
    const CLIENTS: usize = 100;
    const STEPS: usize = 40;
    let (cluster, mut client) = database("hundred")?;
    let keys: Vec<String> = (0..10).map(|number| format!("k:{number}")).collect();
    let counted = AtomicI64::new(0);
    together_with(
        CLIENTS,
        |_| cluster.connect("hundred"),
        |number, mut client| {
            let mut random = StdRng::seed_from_u64(number as u64);
            for _ in 0..STEPS {
                let key = keys.choose(&mut random).cloned().unwrap_or_default();
                let found: Option<Value> = match random.random_range(0..8) {
                    0..=1 => client.query_one("SELECT cache_get($1)", &[&key])?.try_get(0)?,
                    2 => client.query_one("SELECT cache_take($1)", &[&key])?.try_get(0)?,
                    3..=4 => {
                        client.execute("SELECT cache_set($1, to_jsonb($1::text), '1 hour'::text)", &[&key])?;
                        None
                    }
                    5 => {
                        client.execute("SELECT cache_set($1, to_jsonb($1::text), '2 milliseconds'::text)", &[&key])?;
                        None
                    }
                    6 => {
                        client.execute("SELECT cache_delete($1)", &[&key])?;
                        None
                    }
                    _ => {
                        let delta = random.random_range(-5..=5_i64);
                        client.execute("SELECT cache_incr('counter', $1)", &[&delta])?;
                        counted.fetch_add(delta, Ordering::Relaxed);
                        None
                    }
                };
                ensure!(found.is_none() || found == Some(json!(key)), "{key} has the value {found:?}");
            }
            Ok(())
        },
    )?;
    assert_eq!(get::<Value>(&mut client, "SELECT cache_get('counter')")?, json!(counted.into_inner()));
    no_deadlocks(&mut client)
}

#[test]
fn every_increment_of_a_hundred_clients_counts() -> Result<()> {
    let (cluster, mut client) = database("counter")?;
    let mut seen: Vec<i64> = together_with(
        100,
        |_| cluster.connect("counter"),
        |_, mut client| (0..20).map(|_| get::<i64>(&mut client, "SELECT cache_incr('n')")).collect::<Result<Vec<_>>>(),
    )?
    .concat();
    seen.sort_unstable();
    assert_eq!(seen, (1..=2000).collect::<Vec<i64>>(), "each sum is returned once");
    assert_eq!(get::<Value>(&mut client, "SELECT cache_get('n')")?, json!(2000));
    Ok(())
}

/// Of fifty clients that run `sql` at the same moment, whether one got `true`, over several rounds. Each round
/// begins with `prepare`.
fn one_winner(database_name: &str, prepare: &str, sql: &str) -> Result<()> {
    const CLIENTS: usize = 50;
    let (cluster, mut client) = database(database_name)?;
    let mut clients =
        (0..CLIENTS).map(|_| cluster.connect(database_name).map(std::sync::Mutex::new)).collect::<Result<Vec<_>>>()?;
    for _ in 0..6 {
        client.batch_execute(prepare)?;
        let lent = &mut clients;
        let won = together_with(
            CLIENTS,
            |_| Ok(()),
            |number, ()| get::<bool>(&mut *lent[number].lock().map_err(|_| anyhow::anyhow!("poisoned"))?, sql),
        )?;
        assert_eq!(won.iter().filter(|&&won| won).count(), 1);
    }
    Ok(())
}

#[test]
fn of_fifty_clients_that_add_a_key_one_does() -> Result<()> {
    one_winner("add", "SELECT cache_delete('k')", "SELECT cache_add('k', '1')")
}

#[test]
fn of_fifty_clients_that_add_where_an_entry_has_expired_one_does() -> Result<()> {
    let prepare = "SELECT cache_set('k', '0'); UPDATE cache_entries SET expires_at = now()";
    one_winner("add_expired", prepare, "SELECT cache_add('k', '1')")
}

#[test]
fn of_fifty_clients_that_take_an_entry_one_gets_it() -> Result<()> {
    one_winner("take", "SELECT cache_set('k', '1')", "SELECT cache_take('k') IS NOT NULL")
}

#[test]
fn of_fifty_clients_that_delete_an_entry_one_did() -> Result<()> {
    one_winner("delete", "SELECT cache_set('k', '1')", "SELECT cache_delete('k')")
}

#[test]
fn no_update_made_with_compare_and_swap_is_lost() -> Result<()> {
    const CLIENTS: usize = 20;
    const EACH: usize = 10;
    let (cluster, mut client) = database("cas")?;
    client.execute("SELECT cache_set('n', '0')", &[])?;
    together_with(
        CLIENTS,
        |_| cluster.connect("cas"),
        |_, mut client| {
            let mut done = 0;
            while done < EACH {
                let swap = "SELECT cache_cas('n', to_jsonb(value::int + 1), version) FROM cache_entry('n')";
                done += usize::from(get::<bool>(&mut client, swap)?);
            }
            Ok(())
        },
    )?;
    assert_eq!(get::<Value>(&mut client, "SELECT cache_get('n')")?, json!(CLIENTS * EACH));
    Ok(())
}

#[test]
fn writers_of_many_keys_in_whatever_order_never_deadlock() -> Result<()> {
    let (cluster, mut client) = database("many")?;
    let keys: Vec<String> = (0..100).map(|number| format!("n{}:{number}", number % 3)).collect();
    together_with(
        12,
        |_| cluster.connect("many"),
        |number, mut client| {
            let mut random = StdRng::seed_from_u64(number as u64);
            let mut keys = keys.clone();
            for step in 0..60 {
                keys.shuffle(&mut random);
                match (number + step) % 6 {
                    0..=2 => {
                        let entries = "SELECT cache_set_many(jsonb_object_agg(key, 1), $2::text)
                                       FROM unnest($1::text[]) AS key";
                        let ttl = if step % 2 == 0 { "1 hour" } else { "3 milliseconds" };
                        client.execute(entries, &[&keys, &ttl])?;
                    }
                    3 => drop(client.execute("SELECT cache_delete_many($1)", &[&keys])?),
                    4 => drop(client.execute("SELECT cache_clear('n1')", &[])?),
                    _ => drop(client.execute("SELECT cache_clear()", &[])?),
                }
            }
            Ok(())
        },
    )?;
    no_deadlocks(&mut client)
}
