//! What a crash under load may take: sets of the last moment, and nothing else.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use cache_pg_server_tests::{PATIENCE, create_extension, get, or_stop, server, together_with};
use postgres::Client;
use xtask::cluster::{Cluster, poll};

/// One step of a session's work, by number.
type Role<'a> = &'a (dyn Fn(&mut Client, usize) -> Result<(), postgres::Error> + Sync);

/// Works until the connection breaks; returns when each step was acknowledged.
fn until_the_crash(
    mut step: impl FnMut(usize) -> Result<(), postgres::Error>,
    acknowledged: &AtomicUsize,
) -> Result<Vec<Instant>> {
    let mut moments = Vec::new();
    loop {
        match step(moments.len()) {
            Ok(()) => moments.push(Instant::now()),
            // Its connection broke.
            Err(error) if error.code().is_none() => return Ok(moments),
            Err(error) => return Err(error.into()),
        }
        acknowledged.fetch_add(1, Ordering::Relaxed);
    }
}

/// Runs the `roles`, each in a session of its own, kills the server when every one of them has been acknowledged
/// `enough` steps, and starts it again; returns the moments of acknowledgement by role, and that of the crash.
fn crash_under_load(cluster: &Cluster, enough: usize, roles: &[Role]) -> Result<(Vec<Vec<Instant>>, Instant)> {
    let counts: Vec<AtomicUsize> = roles.iter().map(|_| AtomicUsize::new(0)).collect();
    let mut moments = together_with(
        roles.len() + 1,
        |_| cluster.connect("postgres"),
        |number, mut client| match roles.get(number) {
            Some(role) => until_the_crash(|step| role(&mut client, step), &counts[number]),
            None => {
                drop(client);
                let at_work = poll(PATIENCE, "everybody to be at work", || {
                    Ok(counts.iter().all(|count| count.load(Ordering::Relaxed) >= enough))
                });
                let crash = Instant::now();
                or_stop(cluster, at_work.and_then(|()| cluster.kill9()))?;
                Ok(vec![crash])
            }
        },
    )?;
    cluster.start()?;
    let crash = moments.pop().and_then(|last| last.first().copied()).context("no crash")?;
    Ok((moments, crash))
}

/// How many of the sets that were acknowledged are lost, and how long before the crash the first of them was. Whoever
/// sets one key after the other loses the last ones, never one in between.
fn lost(client: &mut Client, setter: &str, acknowledged: &[Instant], crash: Instant) -> Result<(usize, Duration)> {
    let steps: Vec<i64> = client
        .query(
            "SELECT substr(key, length($1) + 2)::bigint FROM cache_keys($1, max_keys => 10000000) AS key",
            &[&setter],
        )?
        .iter()
        .map(|row| row.get(0))
        .collect();
    let kept = steps.len();
    let expected: i64 = (0..kept as i64).sum();
    assert_eq!(steps.iter().sum::<i64>(), expected, "{setter} lost a set that is older than one that is there");
    let first = acknowledged.get(kept).map_or(Duration::ZERO, |&moment| crash.saturating_duration_since(moment));
    Ok((acknowledged.len().saturating_sub(kept), first))
}

fn set(client: &mut Client, setter: &str, step: usize) -> Result<(), postgres::Error> {
    client.execute("SELECT cache_set($1, '1', '1 day'::text)", &[&format!("{setter}:{step}")]).map(|_| ())
}

/// Entries that are on disk before anybody deletes them: a delete that is forgotten brings them back.
fn entries_on_disk(client: &mut Client) -> Result<()> {
    client.batch_execute(
        "SELECT cache_set_many((SELECT jsonb_object_agg('deleted:' || i, 1) FROM generate_series(0, 30000) AS i), '1 day'),
                cache_set_many((SELECT jsonb_object_agg('taken:' || i, 1) FROM generate_series(0, 30000) AS i), '1 day'),
                count(cache_set('tagged:' || i, '1', '1 day', ARRAY['t:' || i])),
                count(cache_set('n' || i || ':cleared', '1', '1 day')) FROM generate_series(0, 30000) AS i;
         CHECKPOINT",
    )?;
    Ok(())
}

/// Each beside a session that sets, and on a server whose WAL writer sleeps: nobody flushes for anybody else.
#[test]
fn p2_a_crash_under_load_forgets_no_acknowledged_delete_or_invalidation() -> Result<()> {
    let cluster = server()?.conf("cache_pg.max_workers", "0").conf("wal_writer_delay", "10s").start()?;
    entries_on_disk(&mut create_extension(&cluster, "postgres")?)?;
    for (verb, argument, key) in [
        ("cache_delete", "'deleted:' || $1", "'deleted:' || i"),
        ("cache_take", "'taken:' || $1", "'taken:' || i"),
        ("cache_invalidate_tags", "'t:' || $1", "'tagged:' || i"),
        ("cache_clear", "'n' || $1", "'n' || i || ':cleared'"),
    ] {
        let call = format!("SELECT {verb}({argument}::text)");
        let (moments, crash) = crash_under_load(
            &cluster,
            30,
            &[&|client, step| client.execute(&call, &[&step.to_string()]).map(|_| ()), &|client, step| {
                set(client, verb, step)
            }],
        )?;
        let [forgets_none, forgets_some] = moments.as_slice() else { bail!("there are {} roles", moments.len()) };
        let mut client = cluster.connect("postgres")?;
        let count = forgets_none.len();
        let back = format!("SELECT count(cache_get({key})) FROM generate_series(0, {count} - 1) AS i");
        assert_eq!(
            get::<i64>(&mut client, &back)?,
            0,
            "came back, of {count} entries that {verb} was acknowledged for"
        );
        let (lost, first) = lost(&mut client, verb, forgets_some, crash)?;
        let sets = forgets_some.len();
        println!("{verb}: 0 of {count} lost; sets: {lost} of {sets} lost, the first {first:?} before the crash");
    }
    Ok(())
}

#[test]
fn a_crash_takes_the_last_sets_and_none_before() -> Result<()> {
    let cluster = server()?.conf("cache_pg.max_workers", "0").start()?;
    create_extension(&cluster, "postgres")?;
    let (moments, crash) = crash_under_load(
        &cluster,
        2000,
        &[&|client, step| set(client, "a", step), &|client, step| set(client, "b", step)],
    )?;
    let mut client = cluster.connect("postgres")?;
    for (setter, acknowledged) in ["a", "b"].into_iter().zip(&moments) {
        let (lost, first) = lost(&mut client, setter, acknowledged, crash)?;
        println!("{lost} of {} sets lost, the first {first:?} before the crash", acknowledged.len());
    }
    Ok(())
}
