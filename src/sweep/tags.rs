//! Keeping the table of tags small: merging what came at the same time, removing what no entry carries.
//!
//! Must never revive an entry: `collect_tags.sql` says why it cannot, and a value that was computed before a tag was
//! removed is refused like one before a clear. Must never wait: rows that somebody holds are for the next time.

use crate::as_owner::AsOwner;
use crate::error::CacheError;
use crate::home::Home;
use crate::statement::{Statement, statement};
use crate::store::tags;
use pgrx::pg_sys;
use std::time::Duration;

static MERGE: Statement = statement!("merge_tags.sql", []);
static COLLECT: Statement = statement!("collect_tags.sql", []);

/// The shortest time between two rounds: each looks at every entry.
pub const EVERY: Duration = Duration::from_secs(600);
/// A table of tags that is no larger is left alone: some hundred tags cost nobody anything.
const FEW_PAGES: u32 = 4;

/// One round, in the current transaction.
///
/// # Errors
/// [`CacheError::Altered`].
pub fn collect(home: &Home) -> Result<(), CacheError> {
    if pages(home) <= FEW_PAGES {
        return Ok(());
    }
    let _owner = AsOwner::new(home.owner);
    if MERGE.write(home, &[], |rows| rows.len()) > 0 {
        tags::note_merge();
    }
    if COLLECT.write(home, &[], |rows| rows.len()) > 0 {
        tags::refuse_earlier(home, None)?;
    }
    Ok(())
}

fn pages(home: &Home) -> u32 {
    let lock = pg_sys::AccessShareLock as pg_sys::LOCKMODE;
    // SAFETY: opened and closed in pairs.
    unsafe {
        let relation = pg_sys::table_open(home.tags, lock);
        let pages = pg_sys::RelationGetNumberOfBlocksInFork(relation, pg_sys::ForkNumber::MAIN_FORKNUM);
        pg_sys::table_close(relation, lock);
        pages
    }
}
