//! The row of a load, read again before its value is computed.
//!
//! Owns the check that an entry is still the one that was put in line, and the choice of a key among those in line on a
//! page. Must never change a row.

use super::entries::{self, By};
use crate::ahead::load::{Kind, Load};
use crate::ahead::rests::Resting;
use crate::catalog::{ExtensionTables, column};
use crate::entry::wanted_until;
use crate::heap::Row;
use crate::namespaces::row_timing;
use crate::pg::{Steady, TextArray, Timestamp, clock, under_latest};
use crate::store;
use cache_pg_rules::{key::Key, token::hash};
use std::cell::RefCell;
use std::time::Duration;

/// An entry to be refreshed or a key to be warmed, as its row was found.
pub(super) struct Candidate {
    pub key: String,
    pub tags: Option<TextArray>,
    pub written_at: Timestamp,
    /// How long it was to live, in microseconds. Without end: it is not to live shorter than usual.
    pub lifetime: i64,
}

/// The row of a load, if there still is one.
pub(super) fn find(tables: &ExtensionTables, load: &Load) -> Option<Candidate> {
    match load.kind {
        Kind::Refresh => find_entry(tables, load),
        Kind::Warm { .. } => find_in_line(tables, load),
        Kind::List => None,
    }
}

fn find_entry(tables: &ExtensionTables, load: &Load) -> Option<Candidate> {
    let mut found = None;
    each_row(tables, load.page, |row| {
        let is_it = row_timing(tables, row)
            .is_some_and(|(key, timing)| key == load.key && timing.written_at == load.timing.written_at);
        if is_it && let Some(key) = row.text(column::KEY) {
            let moment = |column| row.get(column).unwrap_or(Timestamp(0));
            let (written_at, expires_at) = (moment(column::UPDATED_AT), moment(column::EXPIRES_AT));
            let lifetime = expires_at.0.saturating_sub(written_at.0);
            found = Some(Candidate { key: key.into(), tags: row.get(column::TAGS), written_at, lifetime });
        }
    });
    found
}

/// The first key of the load's namespace that is in line on its page. Left out are keys that could not be loaded a
/// moment ago because another transaction holds them, and those whose load has ended its process.
fn find_in_line(tables: &ExtensionTables, load: &Load) -> Option<Candidate> {
    let (now, resting, mut found) = (clock::now(), Resting::now(), None);
    each_row(tables, load.page, |row| {
        if found.is_some() || wanted_until(row, now).is_none() {
            return;
        }
        let Some(key) = row.text(column::KEY).and_then(|key| Key::parse(key).ok()) else { return };
        let hashed = hash(key.as_str());
        let is_it = hash(key.namespace().as_str()) == load.namespace;
        if is_it
            && !resting.includes_key(hashed)
            && !is_held(hashed)
            && let Some(tags) = store::tags_in_line(row)
        {
            let written_at = row.get(column::UPDATED_AT).unwrap_or(Timestamp(0));
            found = Some(Candidate { key: key.as_str().into(), tags, written_at, lifetime: i64::MAX });
        }
    });
    found
}

/// How long a key is left alone that another transaction holds.
const HELD_FOR: Duration = Duration::from_secs(5);

thread_local! {
    /// The keys that other transactions held, by their hashes, and until when this process leaves them alone.
    static HELD: RefCell<Vec<(u64, Steady)>> = const { RefCell::new(Vec::new()) };
}

/// Another transaction holds a key in line, so that nothing can be stored: this process takes others first.
pub(super) fn record_held(key: &str) {
    HELD.with_borrow_mut(|held| {
        let now = Steady::now();
        held.retain(|&(_, until)| until > now);
        held.push((hash(key), now.after(HELD_FOR)));
    });
}

fn is_held(key: u64) -> bool {
    HELD.with_borrow(|held| held.iter().any(|&(held, until)| held == key && until > Steady::now()))
}

/// Calls `visit` with the rows of a page as they are now.
fn each_row(tables: &ExtensionTables, page: u32, mut visit: impl FnMut(&Row)) {
    entries::open(tables, By::Other, |entries| {
        if page < entries.pages() {
            under_latest(|| entries.each_row((page, page), |row, _| visit(row)));
        }
    });
}
