//! The fence: it refuses a value that was computed before the key was last written.
//!
//! Every row carries the full transaction ID of its last write or delete. A value that was computed under a snapshot
//! may be stored only if the snapshot sees that transaction. Where the key has no row, a tombstone may have been
//! written and swept since. Its last version stays in the heap while any held snapshot does not see its removal, so a
//! transaction that still holds such a snapshot finds it there. A TRUNCATE or a rewrite of the table takes dead
//! versions away, so the table must also lie in the file in which the snapshot found it. No clock is involved.
//!
//! Owns these checks. Must never pass a value that could be stale.

use crate::heap::{FullXid, NO_XID, Row, Scan, Seen, Table, View, snapshot};
use crate::pg::{backend::has_old_snapshot, compat};
use crate::{entry::version_of, error::CacheError};
use cache_pg_rules::key::Key;

/// Whether `seen`, a snapshot that this transaction holds, sees every write to the key. `newest` is the newest version
/// of its row. A row of version 0 has or had a lease and no write: it proves nothing about versions removed before it.
pub fn passes(table: &Table, key: Key, newest: Option<&Row>, seen: &Seen) -> bool {
    match newest.map(version_of) {
        None | Some(NO_XID) => nothing_was_removed(table, key, seen),
        Some(version) => seen.vouches_for(version),
    }
}

/// Whether `seen`, a snapshot that this transaction holds, sees every version of the key that was written and removed
/// since.
pub fn nothing_was_removed(table: &Table, key: Key, seen: &Seen) -> bool {
    table.keeps_rows_removed_since(seen) && !compat::may_lose_versions() && !was_removed(table, key, seen)
}

/// Whether a version of the key that `seen` does not see was written, and removed since.
fn was_removed(table: &Table, key: Key, seen: &Seen) -> bool {
    let is_unseen = |row: &Row| !seen.contains(version_of(row)) && !row.was_rolled_back();
    Scan::finds(table, View::Everything, key.as_str(), is_unseen)
}

/// The current transaction, `version`, is about to write a tombstone over `newest`. Marks the transaction if its
/// snapshot does not see every write to the key.
pub fn mark_unseen(table: &Table, key: Key, newest: Option<&Row>, version: FullXid) {
    if has_old_snapshot() && !passes(table, key, newest, &Seen::by_statement()) {
        snapshot::mark_blind(version);
    }
}

/// Under REPEATABLE READ and SERIALIZABLE, refuses to write over a change that another transaction has made since the
/// snapshot.
///
/// # Errors
/// [`CacheError::Serialization`].
pub fn check_unchanged(table: &Table, key: Key, newest: Option<&Row>) -> Result<(), CacheError> {
    if has_old_snapshot() && !passes(table, key, newest, &Seen::by_statement()) {
        return Err(CacheError::Serialization);
    }
    Ok(())
}
