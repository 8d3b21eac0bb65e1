//! What may not be stored any more: a value that was computed before the key was last written.
//!
//! Every row carries the transaction that last wrote or deleted its value. Whoever computed a value under a snapshot
//! may store it only if that snapshot sees this transaction. Where there is no row, one may have been deleted and swept
//! since: its last version stays in the heap for as long as anybody holds a snapshot that does not see its removal, so
//! whoever still holds the snapshot finds it there, unless the table was truncated or written anew: it must lie in the
//! file in which the snapshot found it. No clock is involved.

use crate::entry::version_of;
use crate::error::CacheError;
use crate::heap::row::Row;
use crate::heap::scan::{Scan, View};
use crate::heap::snapshot::{self, FullXid, NO_XID, Seen};
use crate::heap::table::Table;
use crate::pg::backend::has_old_snapshot;
use cache_pg_rules::key::Key;
#[cfg(any(feature = "pg15", feature = "pg16"))]
use pgrx::pg_sys;

/// Whether everything that was written to the key is seen by `seen`, a snapshot that this transaction holds. `newest`
/// is the newest version of its row. A row that nobody has written yet carries a lease, or did: it proves nothing about
/// what was removed before it.
pub fn passes(table: &Table, key: Key, newest: Option<&Row>, seen: &Seen) -> bool {
    match newest.map(version_of) {
        None | Some(NO_XID) => nothing_was_removed(table, key, seen),
        Some(version) => seen.vouches_for(version),
    }
}

/// Whether no row of the key that `seen`, a snapshot that this transaction holds, does not see was written and removed
/// since.
pub fn nothing_was_removed(table: &Table, key: Key, seen: &Seen) -> bool {
    table.keeps_what_was_removed_since(seen) && !versions_may_be_lost() && !was_removed(table, key, seen)
}

/// Whether the server may remove versions that a snapshot still needs (`old_snapshot_threshold`, until PostgreSQL 16).
fn versions_may_be_lost() -> bool {
    #[cfg(any(feature = "pg15", feature = "pg16"))]
    // SAFETY: a setting of the server.
    return unsafe { pg_sys::old_snapshot_threshold } >= 0;
    #[cfg(not(any(feature = "pg15", feature = "pg16")))]
    false
}

/// Whether a row of the key that `seen` does not see was written, and removed since.
fn was_removed(table: &Table, key: Key, seen: &Seen) -> bool {
    let mut scan = Scan::open(table, View::Everything);
    let found = scan.find(key.as_str(), |row| !seen.contains(version_of(row)) && !row.was_rolled_back());
    scan.close();
    found.is_some()
}

/// The current transaction, `version`, is about to bury `newest` whatever that is: takes note where its snapshot does
/// not see all that was written to the key.
pub fn mark_unseen(table: &Table, key: Key, newest: Option<&Row>, version: FullXid) {
    if has_old_snapshot() && !passes(table, key, newest, &Seen::by_statement()) {
        snapshot::mark_blind(version);
    }
}

/// At REPEATABLE READ and SERIALIZABLE, refuses to write over what another transaction has written since the snapshot.
///
/// # Errors
/// [`CacheError::Serialization`].
pub fn check_unchanged(table: &Table, key: Key, newest: Option<&Row>) -> Result<(), CacheError> {
    if has_old_snapshot() && !passes(table, key, newest, &Seen::by_statement()) {
        return Err(CacheError::Serialization);
    }
    Ok(())
}
