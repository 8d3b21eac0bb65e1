//! Rows that a foreign key of another table points at: they stay.
//!
//! A removal below the executor fires none of the triggers that keep a foreign key true, so the sweeper checks here
//! first. A transaction that inserts a referencing row locks the referenced row FOR KEY SHARE. So the sweeper locks a
//! row, without waiting, before the final check. A later transaction waits for that lock, and finds the row removed.
//!
//! Owns these checks. Must never wait, nor run code of the owner of a foreign key.

use super::entries::{Entries, Evicting, Fate};
use crate::catalog::{ExtensionTables, column};
use crate::heap::referrer;
use crate::heap::row::Row;
use crate::heap::table::block_of;
use crate::heap::upkeep::lock;
use crate::pg::active_snapshot::under_latest;
use crate::pg::datum::Timestamp;
use crate::statement::{IntoParam, Statement, statement};
use pgrx::pg_sys::{self, BlockNumber, Oid};
use std::collections::{HashMap, HashSet};

static REFERENCES: Statement = statement!("references.sql", [OIDOID]);

/// The names of the foreign keys that point at `cache_entries`.
pub fn names(tables: &ExtensionTables) -> Vec<String> {
    if !tables.has_foreign_keys {
        return Vec::new();
    }
    REFERENCES.read_newest(tables, &[tables.entries.param()], |rows| rows.column(3))
}

/// The place of a row: page and line pointer.
pub(super) type Place = (BlockNumber, u16);

/// The place of a row.
pub(super) fn place_of(tid: &pg_sys::ItemPointerData) -> Place {
    (block_of(tid), tid.ip_posid)
}

/// The foreign keys that point at `cache_entries`.
pub(super) struct References(Vec<(Oid, Option<i16>)>);

impl References {
    /// The current foreign keys; the table is locked. None: there are none.
    pub(super) fn of(tables: &ExtensionTables) -> Option<Self> {
        tables.has_foreign_keys.then(|| {
            Self(REFERENCES.read_newest(tables, &[tables.entries.param()], |rows| {
                let one = |row| Some((rows.get(row, 1)?, rows.get::<i32>(row, 2).and_then(|it| it.try_into().ok())));
                (0..rows.len()).filter_map(one).collect()
            }))
        })
    }

    /// Keeps only the keys at which no foreign key points.
    fn keep_free(&self, keys: &mut HashSet<String>) {
        for &(table, column) in &self.0 {
            match column {
                Some(column) if !keys.is_empty() => under_latest(|| referrer::take_found(table, column, keys)),
                Some(_) => return,
                None => keys.clear(),
            }
        }
    }
}

/// A candidate for removal: its key, its place, and further data.
type Chosen<T> = (String, pg_sys::ItemPointerData, T);

fn keys_of<T>(chosen: &[Chosen<T>]) -> HashSet<String> {
    chosen.iter().map(|(key, ..)| key.clone()).collect()
}

impl Entries<'_> {
    /// Finds the rows on these pages that are to be removed, keeps up to `most` at which no foreign key points, and
    /// locks them.
    pub(super) fn free_to_go(
        &self,
        (from, end): (BlockNumber, BlockNumber),
        most: u32,
        now: Timestamp,
        evicting: Option<&dyn Evicting>,
        references: &References,
    ) -> HashMap<Place, Fate> {
        let mut known = self.known_tags();
        let mut chosen = Vec::new();
        self.each_row((from, end - 1), |row: &Row, tid| {
            if let Some(key) = row.text(column::KEY).filter(|key| self.may_go(key))
                && let Some(fate) = self.fate(row, now, &mut known, evicting)
            {
                // SAFETY: the scan stands on the row.
                chosen.push((key.to_owned(), unsafe { *tid }, fate));
            }
        });
        self.lock_free(chosen, most, references)
    }

    /// Locks up to `most` of these rows at which no foreign key points; returns which.
    pub(super) fn lock_free<T>(
        &self,
        mut chosen: Vec<Chosen<T>>,
        most: u32,
        references: &References,
    ) -> HashMap<Place, T> {
        let mut free = keys_of(&chosen);
        references.keep_free(&mut free);
        chosen.retain(|(key, ..)| free.contains(key));
        chosen.truncate(most as usize);
        // SAFETY: the active snapshot sees these rows.
        chosen.retain_mut(|(_, tid, _)| unsafe { lock(self.relation, tid, pg_sys::GetActiveSnapshot()) });
        // Check again, for references that were committed before the lock.
        let mut free = keys_of(&chosen);
        references.keep_free(&mut free);
        chosen.into_iter().filter(|(key, ..)| free.contains(key)).map(|(_, tid, what)| (place_of(&tid), what)).collect()
    }
}
