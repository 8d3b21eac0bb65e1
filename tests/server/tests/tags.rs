//! Tags: what an invalidation costs, and that it reaches everything that carries them.

use anyhow::Result;
use cache_pg_server_tests::{create_extension, get, server, value, with_extension};
use postgres::Client;
use serde_json::Value;

/// How many entries carry the tag that many carry.
const MANY: i64 = 20_000;

/// The rows that `statement` writes, in whatever table, and the bytes of WAL.
fn cost(client: &mut Client, statement: &str) -> Result<(i64, i64)> {
    let mut cheapest = (i64::MAX, i64::MAX);
    // The server itself writes a little now and then.
    for _ in 0..10 {
        let rows = "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint FROM pg_stat_xact_user_tables";
        client.batch_execute("BEGIN")?;
        let rows_before: i64 = get(client, rows)?;
        let before: String = get(client, "SELECT pg_current_wal_insert_lsn()::text")?;
        client.batch_execute(statement)?;
        let wal = get(client, &format!("SELECT (pg_current_wal_insert_lsn() - '{before}')::bigint"))?;
        let rows_after: i64 = get(client, rows)?;
        client.batch_execute("COMMIT")?;
        cheapest = cheapest.min((rows_after - rows_before, wal));
    }
    Ok(cheapest)
}

#[test]
fn an_invalidation_costs_the_same_for_one_entry_and_for_many() -> Result<()> {
    let cluster = server()?
        .conf("full_page_writes", "off")
        .conf("autovacuum", "off")
        .conf("cache_pg.max_workers", "0")
        .start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute(&format!(
        "SELECT cache_set('few:1', '1', tags => '{{few}}');
         SELECT count(cache_set('all:' || n, '1', tags => '{{all}}')) FROM generate_series(1, {MANY}) AS n;
         SELECT cache_invalidate_tags('few'), cache_invalidate_tags('all');
         SELECT cache_set('few:1', '1', tags => '{{few}}');
         SELECT count(cache_set('all:' || n, '1', tags => '{{all}}')) FROM generate_series(1, {MANY}) AS n"
    ))?;
    let few = cost(&mut client, "SELECT cache_invalidate_tags('few')")?;
    let all = cost(&mut client, "SELECT cache_invalidate_tags('all')")?;
    println!("rows and bytes of WAL: {few:?} for one entry, {all:?} for {MANY}");
    assert!(few.0 > 0 && few.1 > 0, "{few:?}");
    assert_eq!(few, all, "rows and bytes of WAL");
    let left: i64 = get(&mut client, "SELECT count(*) FROM cache_keys(max_keys => 100000)")?;
    let read: i64 =
        get(&mut client, &format!("SELECT count(cache_get('all:' || n)) FROM generate_series(1, {MANY}) AS n"))?;
    assert_eq!((left, read), (0, 0), "entries that are still there");
    Ok(())
}

#[test]
fn an_invalidation_reaches_the_standby() -> Result<()> {
    let (primary, mut client) = with_extension()?;
    client.batch_execute("SELECT cache_set('k', '1', tags => '{tag}'), cache_set('other', '1', tags => '{other}')")?;
    let standby = primary.standby()?;
    primary.caught_up(&standby)?;
    let mut reader = standby.connect("postgres")?;
    assert_eq!(value(&mut reader, "SELECT cache_get('k')")?, Some(Value::from(1)));
    client.batch_execute("SELECT cache_invalidate_tags('tag')")?;
    primary.caught_up(&standby)?;
    assert_eq!(value::<Value>(&mut reader, "SELECT cache_get('k')")?, None);
    assert_eq!(value(&mut reader, "SELECT cache_get('other')")?, Some(Value::from(1)));
    Ok(())
}
