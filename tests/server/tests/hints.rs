//! Hints to where rows are: they spare the index, and never lead to what the calling statement must not see.

use anyhow::{Context, Result};
use cache_pg_server_tests::{create_extension, get, server, value, with_extension};
use postgres::Client;
use serde_json::{Value, json};
use xtask::cluster::Cluster;

const GET: &str = "SELECT cache_get('k')";

/// How often anybody has looked into the index of the entries.
fn index_scans(client: &mut Client) -> Result<i64> {
    client.batch_execute("SELECT pg_stat_force_next_flush()")?;
    get(client, "SELECT sum(idx_scan)::int8 FROM pg_stat_user_indexes WHERE relname = 'cache_entries'")
}

/// How many looks into the index two hundred gets of ten keys, and one of all at once, take after `change`.
fn scans_of_gets(client: &mut Client, change: &str) -> Result<i64> {
    client.batch_execute("SELECT cache_set('k:' || n, to_jsonb(n)) FROM generate_series(1, 10) AS n")?;
    client.batch_execute(change)?;
    let before = index_scans(client)?;
    let wrong = "SELECT count(*) FROM generate_series(1, 200) AS n
                 WHERE cache_get('k:' || n % 10 + 1) IS DISTINCT FROM to_jsonb(n % 10 + 1)";
    assert_eq!(get::<i64>(client, wrong)?, 0);
    // Those of many keys at once, too.
    let all = "SELECT count(*) FROM cache_get_many(ARRAY(SELECT 'k:' || n FROM generate_series(1, 10) AS n))";
    assert_eq!(get::<i64>(client, all)?, 10);
    Ok(index_scans(client)? - before)
}

#[test]
fn who_reads_what_was_set_or_read_before_needs_no_index() -> Result<()> {
    let (_cluster, mut client) = with_extension()?;
    assert_eq!(scans_of_gets(&mut client, "")?, 0);
    // Plain SQL leaves no hints.
    assert_eq!(scans_of_gets(&mut client, "UPDATE cache_entries SET value = value")?, 10);
    Ok(())
}

/// What updates of the entries have done so far: all, those on the row's own page, and the size of table and index.
fn updates(client: &mut Client) -> Result<[i64; 3]> {
    client.batch_execute("SELECT pg_stat_force_next_flush()")?;
    let row = client.query_one(
        "SELECT n_tup_upd, n_tup_hot_upd, pg_relation_size(relid) + pg_indexes_size(relid)
         FROM pg_stat_user_tables WHERE relname = 'cache_entries'",
        &[],
    )?;
    Ok([row.try_get(0)?, row.try_get(1)?, row.try_get(2)?])
}

#[test]
fn who_writes_what_was_written_or_read_before_needs_no_index_and_stays_on_its_page() -> Result<()> {
    const KEYS: i32 = 200;
    const ROUNDS: i64 = 8;
    let cluster = server()?.conf("cache_pg.max_workers", "0").conf("autovacuum", "off").start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    // Each needs to know what was there.
    let writes = [
        "SELECT cache_set($1, to_jsonb($2::int8), '1 hour'::interval) IS NOT NULL",
        "SELECT cache_incr($1) = $2::int8 + 1",
        "SELECT cache_touch($1, '1 hour'::interval) AND $2::int8 > 0",
    ]
    .into_iter()
    .map(|write| client.prepare(write))
    .collect::<Result<Vec<_>, _>>()?;
    client.execute("SELECT cache_set('k:' || n, '0') FROM generate_series(1, $1) AS n", &[&KEYS])?;
    let (scans, [all, hot, size]) = (index_scans(&mut client)?, updates(&mut client)?);
    for round in 1..=ROUNDS {
        for key in (1..=KEYS).map(|number| format!("k:{number}")) {
            for write in &writes {
                assert!(client.query_one(write, &[&key, &round])?.try_get::<_, bool>(0)?, "{key}");
            }
        }
    }
    assert_eq!(index_scans(&mut client)?, scans);
    let written = ROUNDS * i64::from(KEYS) * writes.len() as i64;
    assert_eq!(updates(&mut client)?, [all + written, hot + written, size]);
    Ok(())
}

#[test]
fn computing_an_expired_value_looks_into_the_index_once() -> Result<()> {
    // A sweeper would remove the row.
    let cluster = server()?.conf("cache_pg.max_workers", "0").conf("autovacuum", "off").start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute("SELECT cache_set('k', '1', '1 millisecond'); SELECT pg_sleep(0.1)")?;
    let before = index_scans(&mut client)?;
    assert_eq!(get::<Value>(&mut client, "SELECT cache_get_or_set('k', 'SELECT to_jsonb(2)')")?, json!(2));
    // The look for versions of the row that were removed. The newest one is found by its hint, to claim it as well as
    // to write over it.
    assert_eq!(index_scans(&mut client)? - before, 1);
    Ok(())
}

#[test]
fn values_that_change_their_size_stay_on_their_page() -> Result<()> {
    let cluster = server()?.conf("cache_pg.max_workers", "0").conf("autovacuum", "off").start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    let set = client.prepare("SELECT cache_set('k:' || $1, to_jsonb(repeat('x', $2)), '1 hour'::interval)")?;
    for key in ["1", "2", "3", "4", "5", "6", "7", "8"] {
        client.execute(&set, &[&key, &700])?;
    }
    let [all, hot, size] = updates(&mut client)?;
    let mut written = 0;
    for short in 0..20 {
        for length in std::iter::repeat_n(40, short).chain([700]) {
            client.execute(&set, &[&"1", &length])?;
            written += 1;
        }
    }
    assert_eq!(updates(&mut client)?, [all + written, hot + written, size]);
    Ok(())
}

#[test]
fn a_page_that_is_read_by_a_hint_is_counted() -> Result<()> {
    // The workers read pages, too.
    let cluster = server()?.conf("cache_pg.max_workers", "0").conf("autovacuum", "off").start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    let pages = "SELECT heap_blks_hit FROM pg_statio_user_tables WHERE relname = 'cache_entries'";
    client.batch_execute("SELECT cache_set('k', '1'); SELECT pg_stat_force_next_flush()")?;
    let before: i64 = get(&mut client, pages)?;
    client.batch_execute("SELECT cache_get('k') FROM generate_series(1, 10); SELECT pg_stat_force_next_flush()")?;
    assert_eq!(get::<i64>(&mut client, pages)? - before, 10);
    Ok(())
}

#[test]
fn a_page_that_is_read_by_hints_stays_in_its_buffer_as_long_as_it_is_used() -> Result<()> {
    const ROUNDS: i64 = 100;
    let cluster = server()?.conf("shared_buffers", "1MB").conf("cache_pg.max_workers", "0").start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute(
        "SELECT cache_set('k', '1');
         CREATE TABLE others (text text);
         ALTER TABLE others ALTER text SET STORAGE PLAIN;
         INSERT INTO others SELECT repeat('x', 5000) FROM generate_series(1, 1000)",
    )?;
    let read = |client: &mut Client| -> Result<i64> {
        client.batch_execute("SELECT pg_stat_force_next_flush()")?;
        get(client, "SELECT heap_blks_read FROM pg_statio_user_tables WHERE relname = 'cache_entries'")
    };
    let before = read(&mut client)?;
    for _ in 0..ROUNDS {
        // A buffer that nobody uses meanwhile goes to one of the others within a few of these rounds.
        client.batch_execute(
            "SELECT cache_get('k') FROM generate_series(1, 64);
             SELECT count(text) FROM others
             WHERE ctid = ANY (ARRAY(SELECT format('(%s,1)', (random() * 999)::int)::tid FROM generate_series(1, 100)))",
        )?;
    }
    let again = read(&mut client)? - before;
    assert!(again < ROUNDS / 10, "read {again} times");
    Ok(())
}

#[test]
fn many_keys_at_once_are_each_found_by_their_own_hint() -> Result<()> {
    let (_cluster, mut client) = with_extension()?;
    client.batch_execute("SELECT cache_set('k:' || n, to_jsonb(n)) FROM generate_series(1, 100) AS n")?;
    let before = index_scans(&mut client)?;
    let right = "SELECT count(*) FROM cache_get_many(ARRAY(SELECT 'k:' || n FROM generate_series(100, 1, -1) AS n))
                     WITH ORDINALITY AS found (key, value, number)
                 WHERE key = 'k:' || 101 - number AND value = to_jsonb(101 - number)";
    assert_eq!(get::<i64>(&mut client, right)?, 100);
    assert_eq!(index_scans(&mut client)?, before);
    Ok(())
}

#[test]
fn memory_for_hints_grows_with_the_buffers_unless_it_is_set() -> Result<()> {
    for (buffers, set, megabytes) in [("128MB", "-1", 16), ("512MB", "-1", 32), ("512MB", "17MB", 17)] {
        let cluster = server()?.conf("shared_buffers", buffers).conf("cache_pg.hint_memory", set).start()?;
        let size = "SELECT size FROM pg_shmem_allocations WHERE name = 'cache_pg hints'";
        assert_eq!(get::<i64>(&mut cluster.connect("postgres")?, size)?, megabytes << 20, "{buffers}, {set}");
    }
    Ok(())
}

#[test]
fn without_memory_for_hints_every_read_goes_through_the_index() -> Result<()> {
    let without = server()?.conf("cache_pg.hint_memory", "0").start()?;
    // Before PostgreSQL 17 a look for many keys counts as one for each.
    assert!(scans_of_gets(&mut create_extension(&without, "postgres")?, "")? > 200);
    let not_preloaded = server()?.preload(false).start()?;
    assert!(scans_of_gets(&mut create_extension(&not_preloaded, "postgres")?, "")? > 200);
    Ok(())
}

/// What happens to an entry `k` of 1 while others have hints to it, and what it is worth then.
fn changes() -> Vec<(&'static [&'static str], Option<Value>)> {
    vec![
        (&["SELECT cache_set('k', '2')"], Some(json!(2))),
        (&["SELECT cache_set('k', to_jsonb(repeat('x', 7000)))"], Some(json!("x".repeat(7000)))),
        (&["BEGIN", "SELECT cache_set('k', '2')", "ROLLBACK"], Some(json!(1))),
        (&["BEGIN", "SAVEPOINT s", "SELECT cache_delete('k')", "ROLLBACK TO s", "COMMIT"], Some(json!(1))),
        (&["SELECT cache_touch('k', '1 hour')"], Some(json!(1))),
        (&["UPDATE cache_entries SET expires_at = now() - interval '1 s', stale_until = NULL"], None),
        (&["SELECT cache_delete('k')"], None),
        (&["SELECT cache_delete('k')", "SELECT cache_set('k', '3')"], Some(json!(3))),
        (&["SELECT cache_clear()"], None),
        (&["DELETE FROM cache_entries"], None),
        // The place of its row goes to that of another key.
        (
            &[
                "DELETE FROM cache_entries",
                "VACUUM cache_entries",
                "SELECT cache_set('l', '4')",
                "SELECT cache_get('l')",
            ],
            None,
        ),
        (&["TRUNCATE cache_entries"], None),
        (&["TRUNCATE cache_entries", "SELECT cache_set('l', '4')", "SELECT cache_set('k', '5')"], Some(json!(5))),
        (&["DELETE FROM cache_entries", "VACUUM (TRUNCATE) cache_entries"], None),
        (&["SELECT cache_set('before', '0')", "VACUUM FULL cache_entries"], Some(json!(1))),
        (&["SELECT cache_persistence('unlogged')", "SELECT cache_set('k', '6')"], Some(json!(6))),
        (&["ALTER TABLE cache_entries ADD COLUMN more int DEFAULT 7"], Some(json!(1))),
        (&["DROP EXTENSION cache_pg CASCADE", "CREATE EXTENSION cache_pg"], None),
        (
            &["DROP EXTENSION cache_pg CASCADE", "CREATE EXTENSION cache_pg", "SELECT cache_set('k', '8')"],
            Some(json!(8)),
        ),
    ]
}

#[test]
fn p2_a_hint_leads_to_nothing_that_was_changed_since() -> Result<()> {
    let (cluster, mut writer) = with_extension()?;
    let mut reader = cluster.connect("postgres")?;
    for (changes, expected) in changes() {
        writer.batch_execute(
            "DROP EXTENSION cache_pg CASCADE; CREATE EXTENSION cache_pg; SELECT cache_set('k', '1'), cache_set('j', '1')",
        )?;
        for client in [&mut reader, &mut writer] {
            for _ in 0..2 {
                assert_eq!(value::<Value>(client, GET)?, Some(json!(1)));
            }
        }
        for change in changes {
            // A read in between leads to new hints, or fails where there is no function to read with.
            writer.batch_execute(change).with_context(|| change.to_string())?;
            drop(value::<Value>(&mut reader, GET));
        }
        for client in [&mut reader, &mut writer] {
            for _ in 0..2 {
                assert_eq!(value::<Value>(client, GET)?, expected, "after {changes:?}");
            }
        }
        // Nor does a writer go by what was there before.
        for client in [&mut reader, &mut writer] {
            client.batch_execute("BEGIN")?;
            let added: bool = get(client, "SELECT cache_add('k', '9')")?;
            assert_eq!(added, expected.is_none(), "after {changes:?}");
            client.batch_execute("SELECT cache_set('k', '10')")?;
            assert_eq!(value::<Value>(client, GET)?, Some(json!(10)));
            assert_eq!(
                get::<i64>(client, "SELECT count(*) FROM cache_entries WHERE key = 'k'")?,
                1,
                "after {changes:?}"
            );
            client.batch_execute("ROLLBACK")?;
        }
    }
    Ok(())
}

/// A reader with a statement or transaction that began before a change sees what was there then.
fn goes_on_seeing(cluster: &Cluster, begin: &str, again: &str) -> Result<()> {
    let mut writer = cluster.connect("postgres")?;
    let mut reader = cluster.connect("postgres")?;
    writer.batch_execute("SELECT cache_set('k', '1'), cache_get('k')")?;
    reader.batch_execute(begin)?;
    assert_eq!(value::<Value>(&mut reader, again)?, Some(json!(1)));
    for new in ["2", "3"] {
        writer.batch_execute(&format!("SELECT cache_set('k', '{new}')"))?;
        // The writer's own reads lead others to the new row.
        assert_eq!(value::<Value>(&mut writer, GET)?, Some(new.parse()?));
        assert_eq!(value::<Value>(&mut reader, again)?, Some(json!(1)), "{begin}");
    }
    reader.batch_execute("COMMIT")?;
    assert_eq!(value::<Value>(&mut reader, GET)?, Some(json!(3)));
    Ok(())
}

#[test]
fn a_hint_to_a_newer_row_is_nothing_to_an_older_snapshot() -> Result<()> {
    let (cluster, _client) = with_extension()?;
    let cursor = "BEGIN; DECLARE old CURSOR FOR SELECT cache_get('k') FROM generate_series(1, 3)";
    goes_on_seeing(&cluster, cursor, "FETCH old")?;
    for level in ["REPEATABLE READ", "SERIALIZABLE"] {
        goes_on_seeing(&cluster, &format!("BEGIN ISOLATION LEVEL {level}"), GET)?;
    }
    Ok(())
}

#[test]
fn a_page_that_has_left_the_buffers_is_found_through_the_index() -> Result<()> {
    let cluster = server()?.conf("shared_buffers", "1MB").start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute(
        "SELECT cache_set('k:' || n, to_jsonb(n), '1 day') FROM generate_series(1, 30000) AS n;
         CREATE TABLE others AS SELECT repeat('x', 1000) AS text FROM generate_series(1, 10000)",
    )?;
    for _ in 0..2 {
        let wrong = "SELECT count(*) FROM generate_series(1, 30000) AS n WHERE cache_get('k:' || n) IS DISTINCT FROM to_jsonb(n)";
        assert_eq!(get::<i64>(&mut client, wrong)?, 0);
        client.batch_execute("SELECT count(*) FROM others")?;
    }
    Ok(())
}
