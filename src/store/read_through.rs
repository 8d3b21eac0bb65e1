//! Read-through: the cached value, else the result of a loader, computed once for all concurrent callers.
//!
//! Owns the single flight of `cache_get_or_set`. The computing backend holds the key's claim (`flight`), and stores the
//! value under the snapshot of the computation, if the fence accepts it. The other backends wait for the value. A
//! backend whose transaction has written something does not wait: another backend may be waiting for that transaction.
//! A backend waits for a transaction that holds the row without computing only as long as a commit takes, and for a
//! computation no longer than computing takes. Must never fail for a change by another transaction, nor return a value
//! past its deadline, because its caller could not tell it from a live one.

use super::types::{Look, NewEntry};
use super::{announce, fence, fill, flight, image::is_live, look, open, statements, trial};
use crate::access::{self, Access, Verb};
use crate::heap::{Contention, Decision, Row, Seen, View, change, table::kept_open};
use crate::pg::{Steady, TextArray, Timestamp, Value, backend, clock, under_latest, under_transaction};
use crate::stats::{self, Operation};
use crate::wake::{self, Waiter};
use crate::{
    durability::with_async_commit,
    entry::{lease_in_force, value_of},
    error::CacheError,
    namespaces::Deadline,
    patience,
};
use cache_pg_rules::key::Key;
use std::{cell::OnceCell, time::Instant};

/// How to store a loaded value. It is checked once there is a value.
pub struct Storing<'a> {
    pub key: Key<'a>,
    pub tags: Option<TextArray>,
    /// The deadline of a value that is stored at this moment; an error if the value may not be stored at all.
    pub deadline: &'a dyn Fn(Value, Timestamp) -> Result<Deadline, CacheError>,
    /// Recognizes the row of the entry that is to be replaced. Then the value is stored over this row or not at all,
    /// and never through the executor.
    pub replaces: Option<&'a dyn Fn(&Row) -> bool>,
}

/// The live value of the key. On a miss, the value that `load` returns, which is stored if it cannot be stale. `load`
/// runs under a snapshot of its own, and may rely on it for everything that it computes from.
///
/// # Errors
/// Those of `storing.deadline`; `load` may raise.
pub fn get_or_load(
    access: &Access,
    storing: &Storing,
    load: impl Fn() -> Result<Option<Value>, CacheError>,
) -> Result<Option<Value>, CacheError> {
    let key = storing.key;
    let patience = patience::for_value(key);
    let mut commit_end = None;
    let unstored = patience::unstored(key);
    // A caller that may not store the value claims nothing and waits for nothing.
    let may_store = OnceCell::new();
    let ask = || trial::may_store(access, key, storing.tags);
    let mut view = View::Statement;
    let mut waiter = None;
    loop {
        let action = match look::look(access, key, view) {
            Look::Fresh(fresh) => Action::Return(fresh.value),
            _ if !backend::may_write() || !*may_store.get_or_init(ask) => Action::LoadOnly,
            _ if flight::claim(key) => {
                let action = action_of_claimant(access, key);
                if !matches!(action, Ok(Action::LoadAndStore)) {
                    flight::release(key);
                }
                if !matches!(action, Ok(Action::LoadAndStore | Action::Wait(_) | Action::AwaitCommit)) {
                    // Another backend may have found the key claimed, and now waits for a wake-up that does not come.
                    wake::now(key);
                }
                action?
            }
            // The holder of the claim may release it without waking this backend.
            _ => wait_or_load(patience::soon()),
        };
        let (until, end) = match action {
            Action::Return(value) => return Ok(Some(value)),
            Action::LoadAndStore => {
                wake::at_end(key.as_str());
                let loaded = stats::untimed(|| load_and_store(access, storing, load));
                flight::release(key);
                wake::now(key);
                return loaded.map(|(value, _)| value);
            }
            Action::LoadOnly => return stats::untimed(load),
            Action::Wait(until) => (until, patience),
            Action::AwaitCommit => {
                let end = *commit_end.get_or_insert_with(patience::for_commit);
                (end, end)
            }
        };
        if Steady::now() >= end || patience::unstored(key) != unstored {
            // Another backend may have found the key claimed while this backend held the claim.
            wake::now(key);
            return stats::untimed(load);
        }
        match &waiter {
            // The next look-up sees a value that was stored before this backend was in the list of waiters.
            None => waiter = Some(Waiter::new(key)),
            Some(waiter) => waiter.sleep(until.min(end)),
        }
        view = View::Latest;
    }
}

enum Action {
    Return(Value),
    /// This backend loads the value and stores it.
    LoadAndStore,
    /// Another backend loads it: wait for a wake-up, or until this time.
    Wait(Steady),
    /// Another transaction holds the row and loads nothing. It may end at once, or never.
    AwaitCommit,
    /// Nothing can be stored, and there is nothing to wait for. Load the value without storing it.
    LoadOnly,
}

/// The action of the backend that holds the claim. Since its look-up another transaction may have stored a value, or
/// taken a lease.
fn action_of_claimant(access: &Access, key: Key) -> Result<Action, CacheError> {
    if !access.tables.may_be_walked {
        return Ok(Action::LoadAndStore);
    }
    let newest = with_async_commit(access, || {
        open::examining(access, |table| {
            let newest = change(table, key.as_str(), Contention::GiveUp, |row| {
                let now = clock::now();
                Decision::Leave(match row {
                    Some(row) if is_live(&access.tables, row, now, View::Latest) => Occupancy::Live(value_of(row)),
                    Some(row) => lease_in_force(row, now)
                        .map_or(Occupancy::Free, |lease| Occupancy::BeingComputed(Steady::when(lease.until))),
                    None => Occupancy::Free,
                })
            });
            Ok(newest.unwrap_or_else(|| match flight::is_being_computed(table, key) {
                true => Occupancy::BeingComputed(patience::soon()),
                false => Occupancy::Held,
            }))
        })
    })?;
    Ok(match newest {
        Occupancy::Free => Action::LoadAndStore,
        Occupancy::Live(_) if !access.reads_directly() => action_on_live_row(access, key),
        Occupancy::Live(Some(value)) if !backend::has_old_snapshot() => Action::Return(value),
        Occupancy::Live(_) => Action::LoadOnly,
        Occupancy::BeingComputed(until) => wait_or_load(until),
        Occupancy::Held if wake::may_wait() => Action::AwaitCommit,
        Occupancy::Held => Action::LoadOnly,
    })
}

/// Another transaction has stored a value. The executor knows whether the caller may see it.
fn action_on_live_row(access: &Access, key: Key) -> Action {
    match statements::look(access, key, true) {
        Look::Fresh(fresh) if !backend::has_old_snapshot() => Action::Return(fresh.value),
        _ => Action::LoadOnly,
    }
}

/// What the backend that holds the claim finds in the newest version of the row.
enum Occupancy {
    Free,
    Live(Option<Value>),
    /// Another caller computes the value, or just did. The time says when to look again.
    BeingComputed(Steady),
    /// Another transaction holds the row, and its change is not from a computation.
    Held,
}

/// The action of a backend without the claim. `until`: when to look again if no wake-up comes.
fn wait_or_load(until: Steady) -> Action {
    if wake::may_wait() { Action::Wait(until) } else { Action::LoadOnly }
}

/// Loads the value under a snapshot of its own, and stores it under that; returns the value and whether it was stored.
/// The caller holds the claim of the key.
pub(super) fn load_and_store(
    access: &Access,
    storing: &Storing,
    load: impl Fn() -> Result<Option<Value>, CacheError>,
) -> Result<(Option<Value>, bool), CacheError> {
    let started = Instant::now();
    let release_waiters = ReleaseWaiters(storing.key);
    // The snapshot is held until the value is stored, so versions that it does not see cannot leave the heap meanwhile.
    let load_and_store = || {
        let seen = Seen::by_statement();
        let loaded = kept_open(&[access.tables.entries, access.tables.tags], load);
        let stored = match loaded {
            // The loader may have created a trigger or a policy in this transaction, or changed the role. Check again.
            Ok(Some(value)) => {
                access::check(Verb::Fill).and_then(|access| store(&access, storing, value, &seen, started))
            }
            _ => Ok(false),
        };
        (loaded, stored)
    };
    // Under an old snapshot, the snapshot of the transaction is the latest one that it may use.
    let (loaded, stored) =
        if backend::has_old_snapshot() { under_transaction(load_and_store) } else { under_latest(load_and_store) };
    let stored = stored?;
    if stored {
        std::mem::forget(release_waiters);
    }
    Ok((loaded?, stored))
}

/// On drop, also by an error, it releases all backends that wait for the key. They compute the value at once.
struct ReleaseWaiters<'a>(Key<'a>);

impl Drop for ReleaseWaiters<'_> {
    fn drop(&mut self) {
        patience::record_unstored(self.0);
    }
}

fn store(access: &Access, storing: &Storing, value: Value, seen: &Seen, started: Instant) -> Result<bool, CacheError> {
    if storing.replaces.is_some() {
        access.check_direct()?;
    }
    let now = clock::now();
    let key = storing.key;
    let new = NewEntry { key, value: Some(value), set_at: now, deadline: (storing.deadline)(value, now)? };
    let load_us = i64::try_from(started.elapsed().as_micros()).unwrap_or(i64::MAX);
    patience::record_computed(key, load_us);
    let announced = announce::row(key);
    let started_to_store = Instant::now();
    let stored = with_async_commit(access, || {
        fill::without_raising(access, || {
            fill::store_if_fresh(access, key, storing.tags, seen, |tagged| {
                if !access.writes_directly() {
                    return statements::fill_unleased(access, &new, seen, tagged, load_us);
                }
                fill::put_if(access, &announced, &new, tagged, load_us, |table, row| {
                    storing.replaces.is_none_or(|is_it| row.is_some_and(is_it)) && fence::passes(table, key, row, seen)
                })
            })
        })
    })?;
    stats::latency::record(Operation::Fill, started_to_store.elapsed());
    stats::count_filled(key, value, stored);
    if stored {
        announced.stored(&access.tables, key);
    }
    Ok(stored)
}
