//! A table of the cache that somebody has altered: the worker leaves it alone and says so, and goes on when it is
//! altered back.

use anyhow::Result;
use cache_pg_server_tests::{PATIENCE, create_extension, get, rows, swept, swift_server, write_expired};
use xtask::cluster::wait_for;

#[test]
fn the_worker_does_not_touch_an_altered_table_and_cache_health_says_so() -> Result<()> {
    let cluster = swift_server()?.start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute(
        "BEGIN; INSERT INTO cache_entries (key, value, expires_at) SELECT 'e:' || n, 'null', '2000-01-01'
             FROM generate_series(1, 100) AS n;
         ALTER TABLE cache_entries ALTER COLUMN expires_at TYPE text; COMMIT",
    )?;
    let told = "SELECT count(*) > 0 FROM cache_health
                WHERE status = 'critical' AND concat_ws(' ', value, advice) LIKE '%\"cache_entries\" of the cache was altered%'";
    wait_for(&mut client, told, PATIENCE)?;
    assert_eq!(rows(&mut client)?, 100);
    assert!(cluster.log().contains("was altered"));
    client.batch_execute(
        "ALTER TABLE cache_entries ALTER COLUMN expires_at TYPE timestamptz USING expires_at::timestamptz",
    )?;
    write_expired(&mut client, 1)?;
    swept(&mut client)?;
    wait_for(&mut client, "SELECT count(*) = 0 FROM cache_health WHERE status = 'critical'", PATIENCE)?;
    client.batch_execute("SELECT cache_set('k', '1')")?;
    assert!(get::<bool>(&mut client, "SELECT cache_exists('k')")?);
    Ok(())
}
