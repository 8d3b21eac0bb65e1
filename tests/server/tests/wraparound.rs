//! What is older than the half of all transaction numbers.

use anyhow::Result;
use cache_pg_server_tests::{create_extension, get, server, value};
use postgres::Client;
use xtask::cluster::{Cluster, StopMode};
use xtask::{files, process};

/// Transactions of one file of `pg_xact`.
const OF_A_FILE: u64 = 32 * 4 * 8192;
/// Two steps of so many are more than half of all numbers, and one is less.
const STEP: u64 = 1_500_000_000 / OF_A_FILE * OF_A_FILE;

#[test]
fn p2_a_clear_takes_what_was_written_three_thousand_million_transactions_ago() -> Result<()> {
    let cluster = server()?.conf("cache_pg.max_workers", "0").conf("autovacuum", "off").start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute("SELECT cache_set('old', '1', '30 days')")?;
    client = many_transactions_later(&cluster, client)?;
    client = many_transactions_later(&cluster, client)?;
    assert_eq!(get::<i32>(&mut client, "SELECT (cache_get('old') #>> '{}')::int")?, 1);
    client.batch_execute("SELECT cache_clear()")?;
    assert_eq!(value::<String>(&mut client, "SELECT cache_get('old')::text")?, None);
    Ok(())
}

/// Freezes everything, and goes on with numbers that are [`STEP`] further.
fn many_transactions_later(cluster: &Cluster, mut client: Client) -> Result<Client> {
    let next: i64 = get(&mut client, "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::int8")?;
    client.batch_execute("UPDATE pg_database SET datallowconn = true")?;
    for row in client.query("SELECT datname::text FROM pg_database", &[])? {
        cluster.connect(row.try_get(0)?)?.batch_execute("VACUUM (FREEZE)")?;
    }
    drop(client);
    cluster.stop(StopMode::Fast)?;
    // The first number of a file of its own.
    let next = ((next as u64 + STEP) / OF_A_FILE + 1) * OF_A_FILE % (1 << 32);
    let mut reset = cluster.installation().command("pg_resetwal");
    reset.arg(format!("--next-transaction-id={next}")).arg(cluster.data_dir());
    process::output(process::as_server_user(&mut reset)?)?;
    let file = cluster.data_dir().join("pg_xact").join(format!("{:04X}", next / OF_A_FILE));
    files::put(&vec![0; 32 * 8192], &file, 0o600)?;
    files::set_owner(&file, process::server_user()?.as_ref())?;
    cluster.start()?;
    cluster.connect("postgres")
}
