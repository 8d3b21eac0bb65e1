//! Storing a value that was computed outside the database.
//!
//! Owns the rule of acceptance: the lease of the token is still in the row, and the token's snapshot sees every write
//! to the key, its tags and the fences of clears. The row with the lease also proves that no crash has lost transaction
//! IDs since: it was written after the snapshot was taken. Must never wait, and never raise for contention: a fill that
//! meets contention is refused.

use super::announce::{self, Announced};
use super::image::{Image, is_live};
use super::tags::{self, Tagged};
use super::{flight, open, statements, types::NewEntry};
use crate::heap::{Contention, Decision, Row, Seen, Table, View, change, snapshot, table::try_lock};
use crate::pg::{TextArray, attempt_despite_contention, backend, clock};
use crate::stats::{self, Counter};
use crate::{
    access::Access, catalog::column, durability::with_async_commit, entry::version_of, error::CacheError, patience,
    shared::server_run,
};
use cache_pg_rules::{key::Key, token::Token};

/// Stores a value that was computed under `token`; returns whether it did.
///
/// # Errors
/// [`CacheError::Altered`].
pub fn fill(access: &Access, new: &NewEntry, token: &Token, tags: Option<TextArray>) -> Result<bool, CacheError> {
    let now = clock::now().0;
    if !token.is_honoured_at(now) || token.server_run != server_run::current() {
        return Ok(false);
    }
    let announced = announce::row(new.key);
    let seen = Seen { xmin: token.xmin, xmax: token.xmax, running: token.running.clone(), own: false };
    let load_us = token.age_at(now);
    patience::record_computed(new.key, load_us);
    let store = || {
        store_if_fresh(access, new.key, tags, &seen, |tagged| {
            if !access.writes_directly() {
                return Ok(statements::fill(access, new, token.lease_id, &seen, tagged, load_us));
            }
            put_if(access, &announced, new, tagged, load_us, |_, row| {
                row.is_some_and(|row| holds_lease(row, token.lease_id) && seen.contains(version_of(row)))
            })
        })
    };
    let store = || without_raising(access, store);
    let stored = if new.may_be_forgotten() { with_async_commit(access, store) } else { store() }?;
    if stored {
        announced.stored(&access.tables, new.key);
    }
    Ok(stored)
}

/// Calls `store` with the tags and their generations, unless `seen` misses an invalidation of a tag or a clear. A clear
/// that begins meanwhile waits for `store`, and finds its row.
pub fn store_if_fresh(
    access: &Access,
    key: Key,
    tags: Option<TextArray>,
    seen: &Seen,
    store: impl FnOnce(Option<Tagged>) -> Result<bool, CacheError>,
) -> Result<bool, CacheError> {
    // A TRUNCATE of `cache_tags` holds this lock, and then waits for fills.
    if !try_lock(access.tables.tags) || !flight::begin_fill(key) {
        stats::count(key, Counter::FillsBarred, 1);
        return Ok(false);
    }
    let stored = match tags::check_freshness(&access.tables, key, tags, seen) {
        Some(tagged) => store(tagged),
        None => Ok(false),
    };
    flight::end_fill(key);
    stored
}

/// Writes the entry if no other transaction holds its row and `may` accepts the row.
pub fn put_if(
    access: &Access,
    announced: &Announced,
    new: &NewEntry,
    tagged: Option<Tagged>,
    load_us: i64,
    may: impl Fn(&Table, Option<&Row>) -> bool,
) -> Result<bool, CacheError> {
    let version = snapshot::current();
    open::changing(access, announced, |table| {
        let stored = open::change_entry(&access.tables, table, new.key, Contention::GiveUp, |row| {
            if !may(table, row) {
                return (None, false);
            }
            let live = row.filter(|row| is_live(&access.tables, row, clock::now(), View::Latest));
            (Some(Image { load_us: Some(load_us), ..Image::entry(new, version, live, tagged) }), true)
        });
        Ok(stored.unwrap_or(false))
    })
}

/// Gives a lease back, because its holder could not compute the value. Returns whether the lease was still in the row.
///
/// # Errors
/// [`CacheError::Altered`].
pub fn release(access: &Access, key: Key, token: &Token) -> Result<bool, CacheError> {
    let announced = announce::row(key);
    let give_back = || {
        if !access.writes_directly() {
            return Ok(statements::release(access, key, token.lease_id));
        }
        open::changing(access, &announced, |table| {
            let released = change(table, key.as_str(), Contention::GiveUp, |row| match row {
                Some(row) if holds_lease(row, token.lease_id) => {
                    Decision::Write(Image { lease: None, ..Image::of(row) }.columns(), true)
                }
                _ => Decision::Leave(false),
            });
            Ok(released.unwrap_or(false))
        })
    };
    with_async_commit(access, || without_raising(access, give_back))
}

fn holds_lease(row: &Row, id: i64) -> bool {
    row.has(column::LEASE_UNTIL) && row.datum(column::LEASE_ID).is_some_and(|datum| datum.value() as i64 == id)
}

/// Runs `work`. Returns the default where it raised an error that is not the caller's: a conflict under SERIALIZABLE,
/// or, through the executor, a conflict under REPEATABLE READ or a refusal of the value by a policy. Below the executor
/// only SERIALIZABLE raises for contention, so otherwise the subtransaction is saved. Every other error passes.
pub fn without_raising<R: Default>(
    access: &Access,
    work: impl FnOnce() -> Result<R, CacheError>,
) -> Result<R, CacheError> {
    if access.writes_directly() && !backend::is_serializable() {
        return work();
    }
    attempt_despite_contention(access.refusals(), work).unwrap_or(Ok(R::default()))
}
