//! Clients: what they call, what they are refused, and many of them at once.

use std::sync::Barrier;
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use postgres::Client;
use postgres::error::SqlState;

use xtask::cluster::{Cluster, StopMode};

use crate::get;

/// Calls every function of the extension that applications use, on keys of the namespace `w`, and leaves none.
///
/// # Errors
/// When one raises or does not do what it is for; the message has the call.
pub fn every_verb_works(client: &mut Client) -> Result<()> {
    for call in [
        "cache_set('w:a', '1', '1 hour') > now()",
        "cache_try_set('w:b', '1', '1 hour')",
        "cache_add('w:c', '1')",
        "cache_replace('w:c', '2')",
        "cache_cas('w:c', '3', (SELECT version FROM cache_entry('w:c')))",
        "cache_touch('w:c', '1 hour')",
        "cache_get('w:c') = '3'",
        "cache_get_or_null('w:c') = '3'",
        "cache_exists('w:c')",
        "cache_ttl('w:c') > '0'",
        "cache_expires_at('w:c') > now()",
        "cache_incr('w:n') = 1",
        "cache_set_many('{\"w:d\": 1}') = 1",
        "(SELECT count(*) FROM cache_get_many('{w:c,w:n}')) = 2",
        "(SELECT count(*) FROM cache_keys('w')) = 5",
        "cache_delete('w:a')",
        "cache_delete_many('{w:b,w:d}') = 2",
        "cache_take('w:c') = '3'",
        "cache_clear('w') = 1",
        "cache_set_bytes('w:a', '\\x00', 3600) > now()",
        "cache_get_bytes('w:a') = '\\x00'",
        "cache_add_bytes('w:b', '1')",
        "cache_replace_bytes('w:b', '2', 'keep')",
        "cache_cas_bytes('w:b', '3', (SELECT version FROM cache_entry('w:b')))",
        "cache_set_many('{w:c,w:d}'::text[], '{1,2}'::jsonb[], '{keep,1 hour}'::text[]) = 2",
        "cache_set_many_bytes('{w:e}', ARRAY['1']::bytea[]) = 1",
        "(SELECT count(*) FROM cache_get_many_bytes('{w:a,w:c}')) = 2",
        "cache_get_and_touch('w:c', 60) = '1'",
        "cache_ttl_seconds('w:c') < 61",
        "cache_count('w') = 5",
        "cache_count(prefix => 'w:e') = 1",
        "cache_take_bytes('w:e') = '1'",
        "cache_set('w:d', '3', expires_at => '2000-01-01') IS NOT NULL",
        "cache_delete('w:c', (SELECT version FROM cache_entry('w:c')))",
        "cache_lock('w:lock', 'me', 60)",
        "cache_lock_owner('w:lock') = 'me'",
        "cache_unlock('w:lock', 'me')",
        "cache_clear(prefix => 'w:') = 2",
        "cache_sweep() >= 0",
    ] {
        let works: bool = get(client, &format!("SELECT {call}"))?;
        ensure!(works, "not so: {call}");
    }
    Ok(())
}

/// The SQLSTATE that the server refused a statement with.
///
/// # Errors
/// When it did not refuse it, or the connection broke.
pub fn sqlstate<T>(outcome: Result<T, postgres::Error>) -> Result<SqlState> {
    match outcome {
        Ok(_) => Err(anyhow!("it was not refused")),
        Err(error) => error.code().cloned().ok_or_else(|| error.into()),
    }
}

/// What came of crashing the server under others, who end with it: where it did not crash it is stopped, or they would
/// go on for ever.
///
/// # Errors
/// That of `crashed`, or of the stop.
pub fn or_stop(cluster: &Cluster, crashed: Result<()>) -> Result<()> {
    if crashed.is_err() && cluster.is_running() {
        cluster.stop(StopMode::Immediate)?;
    }
    crashed
}

/// Runs `work` in `count` threads that start at the same moment, and returns what each returned, in order.
///
/// # Errors
/// The first error of a thread.
pub fn together<T: Send>(count: usize, work: impl Fn(usize) -> Result<T> + Sync) -> Result<Vec<T>> {
    together_with(count, |_| Ok(()), |number, ()| work(number))
}

/// As [`together`], after each thread has made its `state`, such as a connection.
///
/// # Errors
/// The first error of a thread.
pub fn together_with<S, T: Send>(
    count: usize,
    state: impl Fn(usize) -> Result<S> + Sync,
    work: impl Fn(usize, S) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let start = Barrier::new(count);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|number| {
                let (start, state, work) = (&start, &state, &work);
                scope.spawn(move || {
                    let state = state(number);
                    start.wait();
                    work(number, state?).with_context(|| format!("client {number}"))
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a client panicked"))?).collect()
    })
}
