//! Tags: what an invalidation costs, and that it reaches everything that carries them.

use anyhow::Result;
use cache_pg_server_tests::{PATIENCE, create_extension, get, server, sqlstate, value, with_extension};
use postgres::Client;
use postgres::error::SqlState;
use serde_json::Value;
use xtask::cluster::poll;

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

/// The fences of namespaces that were cleared.
const FENCES: &str = "SELECT count(*) FROM cache_tags WHERE starts_with(tag, E'\\x01')";

#[test]
fn p2_the_fences_of_cleared_namespaces_go_and_late_values_are_refused_all_the_same() -> Result<()> {
    const NAMESPACES: i64 = 2_000;
    let cluster = server()?.conf("autovacuum", "off").conf("cache_pg.max_workers", "0").start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    // A session makes a round over the tags with its first sweep.
    let collect = || cluster.connect("postgres")?.batch_execute("SELECT cache_sweep()").map_err(anyhow::Error::from);
    let repeatable = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM cache_entries";
    let mut old = cluster.connect("postgres")?;
    old.batch_execute(repeatable)?;
    client.batch_execute(&format!("SELECT count(cache_clear('n' || n)) FROM generate_series(1, {NAMESPACES}) AS n"))?;
    // A lease that is taken while its namespace is being cleared is still there afterwards.
    let mut clearing = cluster.connect("postgres")?;
    clearing.batch_execute("BEGIN; SELECT cache_clear('n1')")?;
    let late: String = get(&mut client, "SELECT token FROM cache_fetch('n1:late')")?;
    clearing.batch_execute("COMMIT")?;
    let mut young = cluster.connect("postgres")?;
    young.batch_execute(repeatable)?;
    collect()?;
    assert_eq!(get::<i64>(&mut client, FENCES)?, NAMESPACES, "somebody holds an older snapshot");
    let refused = old.batch_execute("SELECT cache_set('n2:k', '1')");
    assert_eq!(sqlstate(refused)?, SqlState::T_R_SERIALIZATION_FAILURE);
    old.batch_execute("ROLLBACK")?;
    poll(PATIENCE, "all fences to go", || {
        collect()?;
        Ok(get::<i64>(&mut client, FENCES)? == 0)
    })?;
    let left: i64 = get(&mut client, "SELECT count(*) FROM cache_tags")?;
    assert!(left < 10, "{left} rows");
    let fill = "SELECT cache_fill('n1:late', '1', $1)";
    assert!(!client.query_one(fill, &[&late])?.try_get::<_, bool>(0)?, "computed before the clear");
    // Whose snapshot sees the clears is not in the way, nor refused.
    young.batch_execute("SELECT cache_set('n2:k', '1'); COMMIT")?;
    client.batch_execute("SELECT cache_delete('n1:late')")?;
    let token: String = get(&mut client, "SELECT token FROM cache_fetch('n1:late')")?;
    assert!(client.query_one(fill, &[&token])?.try_get::<_, bool>(0)?, "computed after it");
    Ok(())
}
