//! Rows that a foreign key of another table points at: they stay.
//!
//! A removal below the executor fires none of the triggers that keep a foreign key true, so the sweeper checks here
//! first. A transaction that inserts a referencing row locks the referenced row FOR KEY SHARE. So the sweeper locks a
//! row, without waiting, before the final check. A later transaction waits for that lock, and finds the row removed.
//!
//! Owns these checks. Must never wait, nor run code of the owner of a foreign key.

use super::entries::{Entries, Evicting, Fate};
use crate::catalog::{ExtensionTables, column};
use crate::heap::{Row, referrer, table::block_of, upkeep::lock};
use crate::pg::{Timestamp, under_latest};
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
    fn retain_unreferenced(&self, keys: &mut HashSet<String>) {
        for &(table, column) in &self.0 {
            match column {
                Some(column) if !keys.is_empty() => under_latest(|| referrer::remove_referenced(table, column, keys)),
                Some(_) => return,
                None => keys.clear(),
            }
        }
    }
}

/// A candidate for removal: its key, its place, and further data.
type Candidate<T> = (String, pg_sys::ItemPointerData, T);

fn keys_of<T>(candidates: &[Candidate<T>]) -> HashSet<String> {
    candidates.iter().map(|(key, ..)| key.clone()).collect()
}

impl Entries<'_> {
    /// Finds the rows on these pages to be removed, keeps up to `most` at which no foreign key points, and locks them.
    pub(super) fn lock_removable(
        &self,
        (from, end): (BlockNumber, BlockNumber),
        most: u32,
        now: Timestamp,
        evicting: Option<&dyn Evicting>,
        references: &References,
    ) -> HashMap<Place, Fate> {
        let mut known = self.known_tags();
        let mut candidates = Vec::new();
        self.each_row((from, end - 1), |row: &Row, tid| {
            if self.may_remove(row)
                && let Some(fate) = self.fate(row, now, &mut known, evicting)
                && let Some(key) = row.text(column::KEY)
            {
                // SAFETY: the scan stands on the row.
                candidates.push((key.to_owned(), unsafe { *tid }, fate));
            }
        });
        self.lock_unreferenced(candidates, most, references)
    }

    /// Locks up to `most` of these rows at which no foreign key points; returns which.
    pub(super) fn lock_unreferenced<T>(
        &self,
        mut candidates: Vec<Candidate<T>>,
        most: u32,
        references: &References,
    ) -> HashMap<Place, T> {
        let mut unreferenced = keys_of(&candidates);
        references.retain_unreferenced(&mut unreferenced);
        candidates.retain(|(key, ..)| unreferenced.contains(key));
        candidates.truncate(most as usize);
        // SAFETY: the active snapshot sees these rows.
        candidates.retain_mut(|(_, tid, _)| unsafe { lock(self.relation, tid, pg_sys::GetActiveSnapshot()) });
        // Check again, for references that were committed before the lock.
        let mut unreferenced = keys_of(&candidates);
        references.retain_unreferenced(&mut unreferenced);
        candidates
            .into_iter()
            .filter(|(key, ..)| unreferenced.contains(key))
            .map(|(_, tid, what)| (place_of(&tid), what))
            .collect()
    }
}
