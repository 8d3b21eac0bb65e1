//! Places in the statistics: nobody takes them who stores nothing, and what is configured has one.

use anyhow::Result;
use cache_pg_server_tests::{PATIENCE, create_extension, get, server, swift_server};
use postgres::Client;
use xtask::cluster::{Cluster, wait_for};

const NAMESPACES: &str = "SELECT count(*) FROM cache_stats WHERE scope = 'namespace'";

/// A server with so many places, and a role that may read, one that may write, and one that may do nothing.
fn places(most: u32) -> Result<(Cluster, Client)> {
    let cluster = server()?.conf("cache_pg.track_namespaces", &most.to_string()).start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute(
        "CREATE ROLE nobody LOGIN;
         CREATE ROLE reader LOGIN; GRANT SELECT ON cache_entries TO reader;
         CREATE ROLE writer LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON cache_entries TO writer",
    )?;
    Ok((cluster, client))
}

fn total(client: &mut Client, column: &str) -> Result<i64> {
    get(client, &format!("SELECT {column} FROM cache_stats WHERE scope = 'total'"))
}

#[test]
fn p11_whoever_stores_nothing_takes_no_place() -> Result<()> {
    let (cluster, mut owner) = places(20)?;
    owner.batch_execute("SELECT cache_set('mine:1', '1')")?;
    for (role, call) in [
        ("nobody", "cache_get_or_null('n' || i || ':x')"),
        ("nobody", "cache_try_set('n' || i || ':x', '1')"),
        ("reader", "cache_get('n' || i || ':x')"),
        ("reader", "cache_get_or_null('n' || i || ':x')"),
        ("reader", "cache_exists('n' || i || ':x')"),
        ("reader", "cache_try_set('n' || i || ':x', '1')"),
        ("writer", "cache_touch('n' || i || ':x', '1 hour')"),
        ("writer", "cache_replace('n' || i || ':x', '1')"),
        ("writer", "cache_clear('n' || i)"),
    ] {
        let mut client = cluster.connect_as(role, "postgres")?;
        client.batch_execute(&format!("SELECT count({call}) FROM generate_series(1, 50) AS i"))?;
        assert_eq!(get::<i64>(&mut owner, NAMESPACES)?, 1, "{call} by {role}");
    }
    // They are counted all the same: those that were refused, and those that found nothing.
    assert_eq!(total(&mut owner, "errors")?, 150);
    assert_eq!(total(&mut owner, "misses")?, 100);
    owner.batch_execute("SELECT cache_set('yours:1', '1')")?;
    assert_eq!(get::<i64>(&mut owner, NAMESPACES)?, 2);
    Ok(())
}

#[test]
fn p11_what_is_configured_after_a_flood_has_a_place_and_its_limit_holds() -> Result<()> {
    const SETS: i64 = 40;
    let cluster = swift_server()?.conf("cache_pg.track_namespaces", "20").start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.execute(
        "SELECT cache_set('n' || i || ':x', '1', '1 hour') FROM generate_series(1, $1::bigint) AS i",
        &[&SETS],
    )?;
    assert_eq!(get::<i64>(&mut client, NAMESPACES)?, 20);
    client.batch_execute("SELECT cache_configure('small', max_entries => 300)")?;
    let set = client.prepare("SELECT cache_set('small:' || $1::integer, '1', '1 hour')")?;
    for number in 0..3_000 {
        client.execute(&set, &[&number])?;
    }
    wait_for(&mut client, "SELECT count(*) <= 300 FROM cache_entries WHERE key LIKE 'small:%'", PATIENCE)?;
    assert_eq!(get::<i64>(&mut client, "SELECT count(*) FROM cache_entries WHERE key LIKE 'n%'")?, SETS);
    assert_eq!(get::<i64>(&mut client, "SELECT sets FROM cache_stats WHERE namespace = 'small'")?, 3_000);
    assert!(get::<bool>(&mut client, "SELECT sets = 1 AND namespaces = 1 FROM cache_stats WHERE scope = 'merged'")?);
    assert_eq!(total(&mut client, "sets")?, SETS + 3_000);
    Ok(())
}

#[test]
fn a_backend_notices_that_a_place_has_got_another_owner() -> Result<()> {
    let (cluster, mut owner) = places(2)?;
    let mut writer = cluster.connect_as("writer", "postgres")?;
    let set = "SELECT cache_set('one:1', '1'), cache_set('two:1', '1')";
    writer.batch_execute(set)?;
    owner.batch_execute("SELECT cache_configure('third', max_entries => 10); SELECT cache_get('third:1')")?;
    writer.batch_execute(set)?;
    writer.batch_execute("SELECT cache_get('one:1'), cache_get('two:1')")?;
    assert_eq!(get::<i64>(&mut owner, "SELECT sets FROM cache_stats WHERE namespace = 'third'")?, 0);
    assert_eq!([total(&mut owner, "sets")?, total(&mut owner, "hits")?, total(&mut owner, "misses")?], [4, 2, 1]);
    // What is configured no longer is one of many again.
    owner.batch_execute("SELECT cache_unconfigure('third'), cache_configure('fourth'), cache_configure('fifth')")?;
    owner.batch_execute("SELECT cache_set('x', '1')")?;
    let names: Vec<String> =
        get(&mut owner, "SELECT array_agg(namespace ORDER BY namespace) FROM cache_stats WHERE scope = 'namespace'")?;
    assert_eq!(names, ["fifth", "fourth"]);
    Ok(())
}
