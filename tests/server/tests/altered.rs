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

/// What no function can work with is told, whatever it is.
#[test]
fn cache_health_tells_of_whatever_the_cache_cannot_work_with() -> Result<()> {
    let cluster = swift_server()?.start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    for (alteration, table, back) in [
        (
            "ALTER TABLE cache_entries ADD note text NOT NULL DEFAULT ''; ALTER TABLE cache_entries ALTER note DROP DEFAULT",
            "cache_entries",
            "ALTER TABLE cache_entries DROP note",
        ),
        ("DROP INDEX cache_tags_tag", "cache_tags", "CREATE INDEX cache_tags_tag ON cache_tags (tag)"),
        (
            "CREATE ACCESS METHOD other TYPE TABLE HANDLER heap_tableam_handler;
             ALTER TABLE cache_entries SET ACCESS METHOD other",
            "cache_entries",
            "ALTER TABLE cache_entries SET ACCESS METHOD heap",
        ),
    ] {
        // Something to do, or the worker would look within a minute only.
        client.batch_execute(&format!("BEGIN; SELECT cache_set('due', '1', '1 millisecond'); {alteration}; COMMIT"))?;
        let told = format!(
            "SELECT count(*) > 0 FROM cache_health
             WHERE status = 'critical' AND concat_ws(' ', value, advice) LIKE '%\"{table}\" of the cache was altered%'"
        );
        wait_for(&mut client, &told, PATIENCE)?;
        client.batch_execute(back)?;
        write_expired(&mut client, 1)?;
        swept(&mut client)?;
        wait_for(&mut client, "SELECT count(*) = 0 FROM cache_health WHERE status = 'critical'", PATIENCE)?;
    }
    Ok(())
}
