//! `pg_upgrade` from the oldest to the newest PostgreSQL at hand, with a cache in use.
//!
//! Owns the proof that no stale value is returned afterwards (P2), that no entry is lost, and that neither server
//! starts a worker meanwhile. Must never read a row of the new server with the old one.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use cache_pg_server_tests::{PATIENCE, get, left_out};
use cache_pg_upgrade_tests::{Scene, contents, difference};
use postgres::Client;
use xtask::cluster::{Builder, Cluster, LIFETIME_IN_TESTS, StopMode, wait_for};
use xtask::postgres::{Installation, OLDEST, under_test};
use xtask::{files, process};

/// The PostgreSQL to upgrade from and the one to upgrade to, the one under test. `cargo xtask test` names the oldest that
/// it tests; alone, the upgrade is one within a major. None: one of them lacks pg_upgrade.
fn ends() -> Result<Option<[Installation; 2]>> {
    let newest = under_test()?;
    let oldest = match std::env::var_os(OLDEST) {
        Some(pg_config) => Installation::at(Path::new(&pg_config))?,
        None => newest.clone(),
    };
    let ends = [oldest, newest];
    Ok(ends.iter().all(|it| it.bindir.join("pg_upgrade").is_file()).then_some(ends))
}

/// A server whose log shows which workers it starts.
fn server(installation: &Installation) -> Builder {
    Cluster::builder(installation)
        .lifetime(LIFETIME_IN_TESTS)
        .conf("cache_pg.max_workers", "0")
        .conf("log_min_messages", "debug1")
        .conf("max_prepared_transactions", "0")
}

/// Runs pg_upgrade; returns what both servers have logged meanwhile.
fn pg_upgrade(old: &Cluster, new: &Cluster, mode: &str) -> Result<String> {
    // The initdb of some versions writes checksums, and pg_upgrade wants both clusters alike.
    for cluster in [old, new] {
        let mut checksums = cluster.installation().command("pg_checksums");
        checksums.arg("--disable").arg("-D").arg(cluster.data_dir());
        // Where there are none, it says so and fails.
        let _ = process::output(process::as_server_user(&mut checksums)?);
    }
    let mut upgrade = new.installation().command("pg_upgrade");
    upgrade.arg("-b").arg(&old.installation().bindir).arg("-B").arg(&new.installation().bindir);
    upgrade.arg("-d").arg(old.data_dir()).arg("-D").arg(new.data_dir());
    upgrade.args(["-U", "postgres", "--retain", mode]);
    process::output(process::as_server_user(&mut upgrade)?.current_dir(new.dir()))?;
    logs(&new.data_dir().join("pg_upgrade_output.d"))
}

fn logs(dir: &Path) -> Result<String> {
    let mut text = String::new();
    for file in files::under(dir, "log")?.into_iter().filter(|file| files::name(file) == "pg_upgrade_server.log") {
        text += &String::from_utf8_lossy(&std::fs::read(&file)?);
    }
    ensure!(text.contains("database system is ready"), "there is no log of a server in {}", dir.display());
    Ok(text)
}

/// Databases whose caches are logged, unlogged, and in a tablespace. pg_upgrade moves tablespaces to `another_major` only.
fn caches(old: &Cluster, tablespace: &Path, another_major: bool) -> Result<Vec<(Scene, String)>> {
    std::fs::create_dir(tablespace)?;
    files::set_owner(tablespace, process::server_user()?.as_ref())?;
    let mut client = old.connect("postgres")?;
    if another_major {
        client.batch_execute(&format!("CREATE TABLESPACE elsewhere LOCATION '{}'", tablespace.display()))?;
    }
    let moved = another_major.then_some(("moved", "logged", "TABLESPACE elsewhere"));
    let mut scenes = Vec::new();
    for (database, persistence, options) in
        [("logged", "logged", ""), ("unlogged", "unlogged", "")].into_iter().chain(moved)
    {
        client.batch_execute(&format!("CREATE DATABASE {database} {options}"))?;
        let mut client = old.connect(database)?;
        // Frozen rows, old transaction IDs and hint bits of all kinds.
        client.batch_execute("CREATE EXTENSION cache_pg")?;
        let scene = Scene::set_up(&mut client, persistence)?;
        client.batch_execute("VACUUM (FREEZE) cache_entries")?;
        client.batch_execute("VACUUM (FREEZE) cache_tags")?;
        client.batch_execute(
            "SELECT cache_set('k', cache_get('k'), '1 day'), cache_set('of-z', '2', '1 day', tags => '{of:z}');
             BEGIN; SELECT cache_set('dish:1', '2', '1 day'); ROLLBACK;
             SELECT cache_invalidate_tags('of:z')",
        )?;
        scenes.push((scene, contents(&mut client)?));
    }
    Ok(scenes)
}

/// The contents, but for what one major names otherwise than another.
fn comparable(text: &str) -> String {
    text.replace("EXECUTE FUNCTION public.", "EXECUTE FUNCTION ").replace(" public.", " ")
}

/// Whether a server marks each column with an option of its own, `pg_attver`, as 15.20 and 17.12 do.
fn marks_columns(client: &mut Client) -> Result<bool> {
    client.batch_execute("CREATE TEMPORARY TABLE marked (a integer)")?;
    get(client, "SELECT attoptions IS NOT NULL FROM pg_attribute WHERE attrelid = 'marked'::regclass AND attname = 'a'")
}

/// Removes these marks: a server that does not know the option refuses every table of an older one that does, with or
/// without the extension.
fn unmark(client: &mut Client) -> Result<()> {
    Ok(client.batch_execute(
        "UPDATE pg_attribute SET attoptions = NULL WHERE attrelid >= 16384 AND attoptions::text LIKE '{pg\\_attver=%}'",
    )?)
}

fn next_transaction(client: &mut Client) -> Result<i64> {
    get(client, "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
}

fn upgraded(mode: &str) -> Result<()> {
    let Some([oldest, newest]) = ends()? else { return left_out("pg_upgrade") };
    println!("pg_upgrade {mode} from {} to {}", oldest.version, newest.version);
    let old = server(&oldest).start()?;
    let scenes = caches(&old, &old.dir().join("elsewhere"), oldest.major != newest.major)?;
    let next = next_transaction(&mut old.connect("logged")?)?;
    let new = server(&newest).start()?;
    if !marks_columns(&mut new.connect("postgres")?)? {
        scenes.iter().try_for_each(|(scene, _)| unmark(&mut old.connect(scene.database())?))?;
    }
    old.stop(StopMode::Fast)?;
    new.stop(StopMode::Fast)?;
    let log = pg_upgrade(&old, &new, mode)?;
    // The postmaster reports at debug1 which workers it registers and starts.
    let workers: Vec<_> = log.lines().filter(|line| line.contains("cache_pg") && line.contains("worker")).collect();
    ensure!(workers.is_empty(), "workers of the cache during pg_upgrade: {workers:?}");
    ensure!(!log.contains("terminated by signal"), "a crash during pg_upgrade:\n{log}");
    new.start()?;
    let mut client = new.connect("logged")?;
    ensure!(next_transaction(&mut client)? >= next, "transaction IDs begin anew, so that versions lie in the future");
    for (scene, before) in &scenes {
        let mut client = new.connect(scene.database())?;
        let differs = difference(&comparable(&contents(&mut client)?), &comparable(before));
        ensure!(differs.is_empty(), "pg_upgrade has changed, in {}:\n{differs}", scene.database());
        scene.works(&new, false).with_context(|| format!("database {}", scene.database()))?;
        let due: String = get(&mut client, "SELECT status FROM cache_health WHERE \"check\" = 'version'")?;
        ensure!(due == "ok", "{due}");
    }
    // The sweeper of the new server takes over.
    new.set_conf("cache_pg.max_workers", "2")?;
    new.set_conf("cache_pg.sweep_interval", "1s")?;
    new.reload()?;
    wait_for(&mut client, "SELECT NOT EXISTS (SELECT FROM cache_entries WHERE key = 'expired')", PATIENCE)?;
    ensure!(get::<bool>(&mut client, "SELECT cache_get('of-y') = '1'")?, "a live entry stays");
    Ok(())
}

#[test]
fn pg_upgrade_by_copy_keeps_the_cache_and_returns_nothing_stale() -> Result<()> {
    upgraded("--copy")
}

#[test]
fn pg_upgrade_by_link_keeps_the_cache_and_returns_nothing_stale() -> Result<()> {
    upgraded("--link")
}
