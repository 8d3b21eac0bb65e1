//! Computing a value ahead: that of a live entry anew before its deadline, or that of a key in line to be warmed.
//!
//! Owns the single flight of it: the same claim that the callers of `cache_get_or_set` and `cache_fetch` need, so a key
//! is computed once at a time whoever computes it. The value is stored under the snapshot of its computation, as theirs
//! is. Must never write through the executor, because a trigger or a policy would run with rights that no caller lent.

use super::read_through::{Storing, load_and_store};
use super::{flight, image::is_live, open};
use crate::access::Access;
use crate::entry::{lease_in_force, wanted_until};
use crate::error::CacheError;
use crate::heap::{Contention, Decision, Row, View, change};
use crate::pg::{Value, clock};
use crate::{durability::with_async_commit, wake};

/// The result of a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reloaded {
    /// The new value is in the cache.
    Stored,
    /// It could have been stale: the key, a tag or the namespace was invalidated meanwhile.
    Refused,
    /// The loader has returned NULL. The row stays as it is.
    Null,
    /// The entry has changed or gone, or another session computes it.
    Unneeded,
}

/// Computes the value of a live entry or of a key in line, whose row `storing.replaces` recognizes, and stores it over
/// that row if it cannot be stale. A row that was replaced or removed meanwhile is left alone.
///
/// # Errors
/// Those of `storing.deadline`, and `LoadError::ByExecutor`; `load` may raise.
pub fn reload(
    access: &Access,
    storing: &Storing,
    load: impl Fn() -> Result<Option<Value>, CacheError>,
) -> Result<Reloaded, CacheError> {
    let key = storing.key;
    access.check_direct()?;
    if !flight::claim(key) {
        return Ok(Reloaded::Unneeded);
    }
    wake::at_end(key.as_str());
    let is_wanted = |row: &Row| {
        let now = clock::now();
        storing.replaces.is_some_and(|is_it| is_it(row))
            && (is_live(&access.tables, row, now, View::Latest) || wanted_until(row, now).is_some())
            && lease_in_force(row, now).is_none()
    };
    let newest = with_async_commit(access, || {
        open::examining(access, |table| {
            let look = |row: Option<&Row>| Decision::Leave(row.is_some_and(is_wanted));
            Ok(change(table, key.as_str(), Contention::GiveUp, look))
        })
    });
    let reloaded = match newest {
        Ok(Some(true)) => load_and_store(access, storing, load).map(|(value, stored)| match (value, stored) {
            (_, true) => Reloaded::Stored,
            (Some(_), false) => Reloaded::Refused,
            (None, false) => Reloaded::Null,
        }),
        newest => newest.map(|_| Reloaded::Unneeded),
    };
    flight::release(key);
    wake::now(key);
    reloaded
}
