//! The value, else what a loader returns, computed once however many ask.
//!
//! Whoever computes holds the key's claim (`flight`) meanwhile, and stores the value under the snapshot that it was
//! computed with, if the fence lets it. The others wait for that, unless their own transaction has written something:
//! what somebody may be waiting for, nobody waits with. Nobody waits for a transaction that holds the row and computes
//! nothing, and nobody for longer than computing takes. Must never fail for what others do, nor return a value past its
//! deadline, which its caller could not tell from a live one.

use super::image::is_live;
use super::types::{Look, New};
use super::{announce, fence, fill, flight, look, open, statements, trial};
use crate::access::{self, Access, Verb};
use crate::catalog::column;
use crate::durability::with_async_commit;
use crate::entry::lease_in_force;
use crate::error::CacheError;
use crate::heap::change::{Contention, Decision, change};
use crate::heap::scan::View;
use crate::heap::snapshot::Seen;
use crate::heap::table::kept_open;
use crate::namespaces::Deadline;
use crate::patience;
use crate::pg::active_snapshot::{under_latest, under_transaction};
use crate::pg::backend;
use crate::pg::clock::{self, Steady};
use crate::pg::datum::{Jsonb, TextArray, Timestamp};
use crate::stats::{self, Operation};
use crate::wake::{self, Waiter};
use cache_pg_rules::key::Key;
use std::cell::OnceCell;
use std::time::Instant;

/// How to store what was loaded: checked when there is a value.
pub struct Storing<'a> {
    pub key: Key<'a>,
    pub tags: Option<TextArray>,
    /// The deadline of a value that is stored at this moment; an error where it may not be stored at all.
    pub deadline: &'a dyn Fn(Jsonb, Timestamp) -> Result<Deadline, CacheError>,
}

/// The live value of the key, else the one that `load` returns, which is stored if it cannot be stale. `load` runs
/// under a snapshot of its own, on which it may rely to see what it computes from.
///
/// # Errors
/// Those of `storing.deadline`; `load` may raise.
pub fn get_or_load(
    access: &Access,
    storing: &Storing,
    load: impl Fn() -> Result<Option<Jsonb>, CacheError>,
) -> Result<Option<Jsonb>, CacheError> {
    let key = storing.key;
    let patience = patience::for_value(key);
    let mut beside = None;
    let unstored = patience::unstored(key);
    // A role that may not store the value claims nothing that others wait for, and waits for nobody.
    let may_store = OnceCell::new();
    let ask = || trial::may_store(access, key, storing.tags);
    let mut view = View::Statement;
    let mut waiter = None;
    loop {
        let action = match look::look(access, key, view) {
            Look::Fresh(fresh) => Action::Take(fresh.value),
            _ if !backend::may_write() || !*may_store.get_or_init(ask) => Action::Compute,
            _ if flight::claim(key) => {
                let action = action_of_claimant(access, key);
                if !matches!(action, Ok(Action::Load)) {
                    flight::release(key);
                }
                if !matches!(action, Ok(Action::Load | Action::Wait(_) | Action::Beside)) {
                    // Somebody may have found the claim taken, and wait for what will not come.
                    wake::now(key);
                }
                action?
            }
            // Who has it may go without waking anybody.
            _ => action_of_others(patience::soon()),
        };
        let (until, end) = match action {
            Action::Take(value) => return Ok(Some(value)),
            Action::Load => {
                wake::at_end(key);
                let loaded = stats::apart(|| load_and_store(access, storing, load));
                flight::release(key);
                wake::now(key);
                return loaded;
            }
            Action::Compute => return stats::apart(load),
            Action::Wait(until) => (until, patience),
            Action::Beside => {
                let end = *beside.get_or_insert_with(patience::for_commit);
                (end, end)
            }
        };
        if Steady::now() >= end || patience::unstored(key) != unstored {
            // Others may have found the claim taken while it was ours.
            wake::now(key);
            return stats::apart(load);
        }
        match &waiter {
            // What happened before there was somebody to wake is seen by another look.
            None => waiter = Some(Waiter::new(key)),
            Some(waiter) => waiter.sleep(until.min(end)),
        }
        view = View::Latest;
    }
}

enum Action {
    Take(Jsonb),
    /// It is ours to load and to store.
    Load,
    /// Somebody else loads it: wait until woken, or until then.
    Wait(Steady),
    /// Another transaction holds its row, and loads nothing: it may end at once, or never.
    Beside,
    /// Nothing can be stored, and there is nothing to wait for: load it, and do not store it.
    Compute,
}

/// What to do with the claim of the key. Somebody may have stored a value since it was looked up, or hold a lease on
/// it.
fn action_of_claimant(access: &Access, key: Key) -> Result<Action, CacheError> {
    if !access.tables.may_be_walked {
        return Ok(Action::Load);
    }
    let newest = with_async_commit(access, || {
        open::examining(access, |table| {
            let newest = change(table, key.as_str(), Contention::GiveUp, |row| {
                let now = clock::now();
                Decision::Leave(match row {
                    Some(row) if is_live(&access.tables, row, now, View::Latest) => {
                        Occupancy::Live(row.get(column::VALUE))
                    }
                    Some(row) => lease_in_force(row, now)
                        .map_or(Occupancy::Free, |lease| Occupancy::UnderWay(Steady::when(lease.until))),
                    None => Occupancy::Free,
                })
            });
            Ok(newest.unwrap_or_else(|| match flight::is_under_way(table, key) {
                true => Occupancy::UnderWay(patience::soon()),
                false => Occupancy::Held,
            }))
        })
    })?;
    Ok(match newest {
        Occupancy::Free => Action::Load,
        Occupancy::Live(_) if !access.reads_directly() => action_of_the_overtaken(access, key),
        Occupancy::Live(Some(value)) if !backend::has_old_snapshot() => Action::Take(value),
        Occupancy::Live(_) => Action::Compute,
        Occupancy::UnderWay(until) => action_of_others(until),
        Occupancy::Held if wake::may_wait() => Action::Beside,
        Occupancy::Held => Action::Compute,
    })
}

/// Somebody has stored a value: whether the caller may see it, the executor knows.
fn action_of_the_overtaken(access: &Access, key: Key) -> Action {
    match statements::look(access, key, true) {
        Look::Fresh(fresh) if !backend::has_old_snapshot() => Action::Take(fresh.value),
        _ => Action::Compute,
    }
}

/// What the newest version of a row is to whoever has claimed its key.
enum Occupancy {
    Free,
    Live(Option<Jsonb>),
    /// Somebody computes it, or just did: when to look again.
    UnderWay(Steady),
    /// Another transaction's uncommitted work, which no computing led to.
    Held,
}

/// `until`: when to look again without being woken.
fn action_of_others(until: Steady) -> Action {
    if wake::may_wait() { Action::Wait(until) } else { Action::Compute }
}

fn load_and_store(
    access: &Access,
    storing: &Storing,
    load: impl Fn() -> Result<Option<Jsonb>, CacheError>,
) -> Result<Option<Jsonb>, CacheError> {
    let started = Instant::now();
    let unstored = Unstored(storing.key);
    // The snapshot is held until the value is stored: what it does not see cannot leave the heap meanwhile.
    let load_and_store = || {
        let seen = Seen::by_statement();
        let loaded = kept_open(&[access.tables.entries, access.tables.tags], load);
        let stored = match loaded {
            // The code that has run may have made a trigger or a policy in this transaction, or changed the role.
            Ok(Some(value)) => {
                access::check(Verb::Fill).and_then(|access| store(&access, storing, value, &seen, started))
            }
            _ => Ok(false),
        };
        (loaded, stored)
    };
    // With an old snapshot the transaction's own one is the latest that it may see.
    let (loaded, stored) =
        if backend::has_old_snapshot() { under_transaction(load_and_store) } else { under_latest(load_and_store) };
    if stored? {
        std::mem::forget(unstored);
    }
    loaded
}

/// Releases all who wait for the key when it goes, also by an error: they compute for themselves, at once.
struct Unstored<'a>(Key<'a>);

impl Drop for Unstored<'_> {
    fn drop(&mut self) {
        patience::record_unstored(self.0);
    }
}

fn store(access: &Access, storing: &Storing, value: Jsonb, seen: &Seen, started: Instant) -> Result<bool, CacheError> {
    let now = clock::now();
    let key = storing.key;
    let new = New { key, value, set_at: now, deadline: (storing.deadline)(value, now)? };
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
                    fence::passes(table, key, row, seen)
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
