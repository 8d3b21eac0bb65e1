//! The entry of a load, read again before it is computed.
//!
//! Owns the check that the entry is still the one that was put in line. Must never change a row.

use super::entries::{self, By};
use crate::ahead::load::Load;
use crate::catalog::{ExtensionTables, column};
use crate::namespaces::row_timing;
use crate::pg::{TextArray, Timestamp, under_latest};

/// An entry to be refreshed, as its row was found.
pub(super) struct Candidate {
    pub key: String,
    pub tags: Option<TextArray>,
    pub written_at: Timestamp,
    /// How long it was to live, in microseconds.
    pub lifetime: i64,
}

/// The entry of a load, if it is still to be refreshed.
pub(super) fn find(tables: &ExtensionTables, load: &Load) -> Option<Candidate> {
    let mut found = None;
    entries::open(tables, By::Other, |entries| {
        if load.page >= entries.pages() {
            return;
        }
        under_latest(|| {
            entries.each_row((load.page, load.page), |row, _| {
                let is_it = row_timing(tables, row)
                    .is_some_and(|(key, timing)| key == load.key && timing.written_at == load.timing.written_at);
                if is_it && let Some(key) = row.text(column::KEY) {
                    let moment = |column| row.get(column).unwrap_or(Timestamp(0));
                    let (written_at, expires_at) = (moment(column::UPDATED_AT), moment(column::EXPIRES_AT));
                    let lifetime = expires_at.0.saturating_sub(written_at.0);
                    found = Some(Candidate { key: key.into(), tags: row.get(column::TAGS), written_at, lifetime });
                }
            });
        });
    });
    found
}
