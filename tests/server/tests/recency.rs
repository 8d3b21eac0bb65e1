//! The memory of what was read lately outlives the server, so that after a restart the same entries stay.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use cache_pg_server_tests::{PATIENCE, create_extension, get, server, swift_server};
use postgres::Client;
use xtask::cluster::{Builder, Cluster, StopMode, poll, wait_for};

/// How many entries a cache holds here, and how many of them are read.
const ROOM: i64 = 2_000;
const HOT: i64 = 500;
const FILE: &str = "pg_stat/cache_pg.recency";
const BEING_WRITTEN: &str = "pg_stat/cache_pg.recency.tmp";

/// A server that saves at a clean stop alone.
fn limited() -> Result<Builder> {
    Ok(swift_server()?
        .conf("cache_pg.max_entries", &ROOM.to_string())
        .conf("cache_pg.recency_memory", "1MB")
        .conf("cache_pg.recency_save_interval", "0"))
}

fn file(cluster: &Cluster) -> PathBuf {
    cluster.data_dir().join(FILE)
}

/// Sets as many new keys, each in a transaction of its own, so that older ones have to go.
fn crowd(client: &mut Client, namespace: &str, count: i64) -> Result<()> {
    let set = client.prepare("SELECT cache_set($1, '1', '1 hour')")?;
    for number in 0..count {
        client.execute(&set, &[&format!("{namespace}:{number}")])?;
    }
    Ok(())
}

/// Fills the cache with entries that are read, and with many more that are not.
fn warm(client: &mut Client) -> Result<()> {
    crowd(client, "hot", HOT)?;
    for round in 0..12 {
        let read = format!("SELECT count(cache_get('hot:' || n)) FROM generate_series(0, {HOT} - 1) AS n");
        client.execute(&read, &[])?;
        crowd(client, &format!("cold{round}"), HOT)?;
    }
    Ok(())
}

/// How many of the entries that were read are still there after three times as many others came as there is room for.
fn left_after_crowd(cluster: &Cluster) -> Result<i64> {
    let mut client = cluster.connect("postgres")?;
    crowd(&mut client, "new", 3 * ROOM)?;
    get(&mut client, "SELECT count(*) FROM cache_keys('hot')")
}

fn ensure_kept(cluster: &Cluster) -> Result<()> {
    let left = left_after_crowd(cluster)?;
    ensure!(left >= HOT * 9 / 10, "{left} of {HOT} are left\n{}", cluster.log());
    Ok(())
}

/// Changes the memory: only one that has changed is saved again.
fn change(client: &mut Client) -> Result<()> {
    client.batch_execute("SELECT cache_set('changing:' || clock_timestamp(), '1', '1 hour')")?;
    Ok(client.batch_execute("SELECT count(cache_get(key)) FROM cache_keys('changing') AS key")?)
}

/// Waits until what the memory holds by now is in the file.
fn saved(cluster: &Cluster) -> Result<()> {
    let now = SystemTime::now();
    // A save that had begun before may lack the latest: its successor has it.
    let mut seen = None;
    poll(PATIENCE, "the file", || {
        let modified = fs::metadata(file(cluster)).and_then(|file| file.modified()).ok().filter(|&at| at > now);
        change(&mut cluster.connect("postgres")?)?;
        seen = seen.or(modified);
        Ok(modified.zip(seen).is_some_and(|(modified, seen)| modified > seen))
    })
}

#[test]
fn after_a_clean_restart_the_same_entries_stay() -> Result<()> {
    let cluster = limited()?.start()?;
    warm(&mut create_extension(&cluster, "postgres")?)?;
    cluster.restart()?;
    ensure_kept(&cluster)?;
    assert!(file(&cluster).exists(), "a crash would find nothing");
    Ok(())
}

#[test]
fn without_the_file_they_do_not() -> Result<()> {
    let cluster = limited()?.start()?;
    warm(&mut create_extension(&cluster, "postgres")?)?;
    cluster.stop(StopMode::Fast)?;
    fs::remove_file(file(&cluster))?;
    cluster.start()?;
    let left = left_after_crowd(&cluster)?;
    // Otherwise the other tests would prove nothing.
    assert!(left < HOT / 2, "{left} of {HOT} are left");
    assert!(!cluster.log().contains("cache_pg.recency"), "{}", cluster.log());
    Ok(())
}

#[test]
fn after_a_crash_what_was_saved_last_is_taken_up() -> Result<()> {
    let crashes: [fn(&Cluster) -> Result<()>; 3] = [
        |cluster| cluster.kill9().and_then(|()| cluster.start()),
        |cluster| cluster.stop(StopMode::Immediate).and_then(|_| cluster.start()),
        |cluster| {
            let (mut victim, mut other) = (cluster.connect("postgres")?, cluster.connect("postgres")?);
            cluster.crash_backend(get(&mut victim, "SELECT pg_backend_pid()")?)?;
            poll(PATIENCE, "the server to notice", || Ok(other.batch_execute("").is_err()))?;
            poll(PATIENCE, "the server to let clients in", || Ok(cluster.connect("postgres").is_ok()))
        },
    ];
    for crash in crashes {
        let cluster = limited()?.conf("cache_pg.recency_save_interval", "1s").start()?;
        let mut client = create_extension(&cluster, "postgres")?;
        warm(&mut client)?;
        saved(&cluster)?;
        // The entries survive, if their commits have reached the disk.
        client.batch_execute("CREATE TABLE flushed ()")?;
        drop(client);
        crash(&cluster)?;
        ensure_kept(&cluster)?;
    }
    Ok(())
}

#[test]
fn a_memory_of_another_size_takes_it_up_too() -> Result<()> {
    for size in ["256kB", "3MB", "1000kB"] {
        let cluster = limited()?.start()?;
        let mut client = create_extension(&cluster, "postgres")?;
        warm(&mut client)?;
        client.batch_execute(&format!("ALTER SYSTEM SET cache_pg.recency_memory = '{size}'"))?;
        drop(client);
        cluster.restart()?;
        ensure_kept(&cluster).with_context(|| size)?;
        assert!(!cluster.log().contains(FILE), "{}", cluster.log());
    }
    Ok(())
}

#[test]
fn a_file_that_does_not_fit_is_ignored_with_a_line_in_the_log() -> Result<()> {
    type Damage = fn(&[u8]) -> Vec<u8>;
    let replaced = |file: &[u8], from: &str, to: &str| {
        let title = file.iter().position(|&byte| byte == b'\n').unwrap_or(0);
        let text = String::from_utf8_lossy(&file[..title]).replacen(from, to, 1);
        [text.as_bytes(), &file[title..]].concat()
    };
    let cluster = limited()?.start()?;
    warm(&mut create_extension(&cluster, "postgres")?)?;
    cluster.stop(StopMode::Fast)?;
    let whole = fs::read(file(&cluster))?;
    let byte: Damage = |file| {
        let mut file = file.to_vec();
        let middle = file.len() / 2;
        file[middle] ^= 1;
        file
    };
    let cases: [(&str, Vec<u8>); 9] = [
        ("the file is damaged", byte(&whole)),
        ("the file is damaged", whole[..whole.len() - 1].to_vec()),
        ("the file is damaged", whole[..whole.len() / 2].to_vec()),
        ("the file is damaged", whole[..10].to_vec()),
        ("the file is damaged", Vec::new()),
        ("the file is damaged", [whole.as_slice(), b"more"].concat()),
        ("it has format 2, and this version of cache_pg reads format 1", replaced(&whole, "format 1", "format 2")),
        ("it is a file of another server", replaced(&whole, "server ", "server 1")),
        ("it is another kind of file", replaced(&whole, "recency", "hearsay")),
    ];
    for (number, (why, text)) in cases.iter().enumerate() {
        fs::write(file(&cluster), text)?;
        let before = cluster.log().len();
        cluster.start()?;
        let mut client = cluster.connect("postgres")?;
        assert!(get::<bool>(&mut client, "SELECT cache_get('hot:1') IS NOT NULL")?);
        let log = cluster.log()[before..].to_owned();
        let lines: Vec<_> = log.lines().filter(|line| line.contains(FILE)).collect();
        assert_eq!(lines.len(), 1, "{number}: {log}");
        assert!(lines[0].contains("LOG:") && lines[0].ends_with(why), "{number}: {log}");
        drop(client);
        cluster.stop(StopMode::Fast)?;
        // Nothing of the first of them was taken up, although all of it could be read.
        assert!(number > 0 || fs::read(file(&cluster))?.iter().filter(|&&byte| byte != 0).count() < 200, "{number}");
    }
    // It has been replaced by one that fits.
    let before = cluster.log().len();
    cluster.start()?;
    assert!(!cluster.log()[before..].contains(FILE), "{}", cluster.log());
    Ok(())
}

#[test]
fn a_disk_that_is_full_leaves_the_old_file_and_one_line_in_the_log() -> Result<()> {
    let cluster = limited()?.start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    warm(&mut client)?;
    drop(client);
    cluster.restart()?;
    let old = fs::read(file(&cluster))?;
    let being_written = cluster.data_dir().join(BEING_WRITTEN);
    symlink("/dev/full", &being_written)?;
    let mut client = cluster.connect("postgres")?;
    client.batch_execute("ALTER SYSTEM SET cache_pg.recency_save_interval = '1s'")?;
    client.batch_execute("SELECT pg_reload_conf()")?;
    let said = |why: &str| cluster.log().lines().filter(|line| line.contains(FILE) && line.contains(why)).count();
    poll(PATIENCE, "a failure", || Ok(said("No space left on device") > 0))?;
    assert_eq!(fs::read(file(&cluster))?, old);
    // The file takes no more room, and the next one is written.
    saved(&cluster)?;
    assert!(!being_written.exists());
    // A failure that lasts is told once.
    fs::create_dir(&being_written)?;
    poll(PATIENCE, "another failure", || {
        change(&mut client)?;
        Ok(said("directory") > 0)
    })?;
    let since = SystemTime::now();
    poll(PATIENCE, "further failures", || {
        change(&mut client)?;
        Ok(since.elapsed()? > Duration::from_secs(3))
    })?;
    assert_eq!(said("directory"), 1, "{}", cluster.log());
    // Nor does it keep the server from stopping and starting.
    client.batch_execute("ALTER SYSTEM RESET cache_pg.recency_save_interval")?;
    drop(client);
    cluster.restart()?;
    assert_eq!(said("directory"), 2, "{}", cluster.log());
    ensure_kept(&cluster)
}

#[test]
fn a_promoted_standby_has_the_memory_of_its_primary_and_of_its_own_reads() -> Result<()> {
    let cluster = limited()?.conf("cache_pg.recency_save_interval", "1s").start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    warm(&mut client)?;
    saved(&cluster)?;
    let standby = cluster.standby()?;
    // They find room: on the primary nobody reads them, so there they could be evicted at once.
    client.batch_execute(&format!("SELECT cache_delete(key) FROM cache_keys('cold11') AS key LIMIT {HOT}"))?;
    crowd(&mut client, "own", HOT / 5)?;
    cluster.caught_up(&standby)?;
    let read: i64 =
        get(&mut standby.connect("postgres")?, "SELECT count(cache_get(key)) FROM cache_keys('own') AS key")?;
    assert_eq!(read, HOT / 5);
    // A standby has no launcher: it saves when it stops.
    standby.restart()?;
    standby.promote()?;
    ensure_kept(&standby)?;
    let own: i64 = get(&mut standby.connect("postgres")?, "SELECT count(*) FROM cache_keys('own')")?;
    assert!(own >= HOT / 5 * 9 / 10, "{own} of {} are left", HOT / 5);
    Ok(())
}

#[test]
fn writers_that_evict_alone_keep_what_is_read() -> Result<()> {
    let cluster = limited()?.conf("cache_pg.max_workers", "0").start()?;
    warm(&mut create_extension(&cluster, "postgres")?)?;
    ensure_kept(&cluster)
}

#[test]
fn the_hand_goes_on_where_it_stopped_also_while_the_table_grows() -> Result<()> {
    let cluster = limited()?.conf("cache_pg.max_workers", "0").conf("cache_pg.max_entries", "100").start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    // Many turns around a small table.
    for round in 0..20 {
        crowd(&mut client, &format!("before{round}"), 500)?;
        client.batch_execute("VACUUM cache_entries")?;
    }
    client.batch_execute(&format!("ALTER SYSTEM SET cache_pg.max_entries = {ROOM}"))?;
    client.batch_execute("SELECT pg_reload_conf()")?;
    wait_for(&mut client, &format!("SELECT current_setting('cache_pg.max_entries') = '{ROOM}'"), PATIENCE)?;
    crowd(&mut client, "old", ROOM)?;
    crowd(&mut client, "new", ROOM / 2)?;
    let left: i64 = get(&mut client, "SELECT count(*) FROM cache_keys('new')")?;
    assert!(left >= ROOM / 2 * 99 / 100, "{left} of {} are left, and older ones stay", ROOM / 2);
    Ok(())
}

#[test]
fn where_nothing_is_remembered_nothing_is_saved() -> Result<()> {
    let cluster =
        server()?.conf("cache_pg.recency_memory", "0").conf("cache_pg.recency_save_interval", "1s").start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute("SELECT cache_set('k', '1'), cache_get('k')")?;
    drop(client);
    cluster.restart()?;
    assert!(!file(&cluster).exists());
    assert!(!cluster.log().contains(FILE), "{}", cluster.log());
    Ok(())
}
