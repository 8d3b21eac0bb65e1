//! Sessions that loaders hold up, for the launcher.
//!
//! A loader runs code of users, which may lock tables until its transaction ends. It cannot count as a process of
//! autovacuum, as the sweeper does for its VACUUM: CREATE INDEX CONCURRENTLY does not wait for those, and a loader
//! could then use an index that lacks rows which its snapshot sees. So the launcher looks at the locks.
//!
//! Owns this look. Must never wait for a lock, nor run where no loader is at work.

use super::process;
use pgrx::pg_sys::{self, LOCKMODE, LOCKTAG, LockInstanceData, Oid};
use std::collections::HashSet;

/// The loaders that others wait for, and the databases that sessions want for themselves.
#[derive(Debug, Default)]
pub struct Hindrance {
    /// By process ID.
    pub loaders: HashSet<i32>,
    /// A session is about to drop, rename or copy the database, and waits for its connections to end.
    pub databases: HashSet<Oid>,
}

impl Hindrance {
    /// What `loaders` hinder now. Nothing, if the locks cannot be read.
    pub fn of(loaders: &[i32]) -> Self {
        process::transaction(|| Self::read(loaders)).unwrap_or_default()
    }

    fn read(loaders: &[i32]) -> Self {
        // SAFETY: GetLockStatusData returns a copy in memory of the transaction.
        let all = unsafe {
            let data = pg_sys::GetLockStatusData();
            std::slice::from_raw_parts((*data).locks, (*data).nelements.max(0) as usize)
        };
        let is_loader = |lock: &LockInstanceData| loaders.contains(&lock.pid);
        let mut hindrance = Self::default();
        for wanted in all.iter().filter(|lock| lock.waitLockMode != 0 && !is_loader(lock)) {
            let blockers = all.iter().filter(|lock| is_loader(lock) && is_same(&lock.locktag, &wanted.locktag));
            let blockers = blockers.filter(|lock| conflicts(lock, wanted.waitLockMode));
            hindrance.loaders.extend(blockers.map(|lock| lock.pid));
        }
        let wanted = all.iter().filter(|lock| !is_loader(lock)).filter_map(database_wanted_by);
        hindrance.databases.extend(wanted);
        hindrance
    }
}

fn is_same(one: &LOCKTAG, other: &LOCKTAG) -> bool {
    let of = |tag: &LOCKTAG| (tag.locktag_field1, tag.locktag_field2, tag.locktag_field3, tag.locktag_field4);
    let kind = |tag: &LOCKTAG| (tag.locktag_type, tag.locktag_lockmethodid);
    of(one) == of(other) && kind(one) == kind(other)
}

/// Whether one of the modes in which a lock is held conflicts with a mode that another process waits for.
fn conflicts(held: &LockInstanceData, wanted: LOCKMODE) -> bool {
    let modes = (1..=pg_sys::MaxLockMode as LOCKMODE).filter(|mode| held.holdMask & (1 << mode) != 0);
    // SAFETY: looks at a table of constants.
    modes.into_iter().any(|mode| unsafe { pg_sys::DoLockModesConflict(mode, wanted) })
}

/// The database that a lock keeps from being connected to, as DROP DATABASE and the like take it.
fn database_wanted_by(lock: &LockInstanceData) -> Option<Oid> {
    let tag = &lock.locktag;
    let is_database = tag.locktag_type == pg_sys::LockTagType::LOCKTAG_OBJECT as u8
        && tag.locktag_field1 == Oid::INVALID.to_u32()
        && tag.locktag_field2 == pg_sys::DatabaseRelationId.to_u32();
    let is_strong = conflicts(lock, pg_sys::RowExclusiveLock as LOCKMODE);
    (is_database && is_strong).then(|| Oid::from(tag.locktag_field3))
}
