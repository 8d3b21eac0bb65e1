//! A look at a key that also sees what is past its deadline.

use super::find::find;
use super::image::{has_possible_version, is_live_at, load_time, served_until};
use super::{statements, tags};
use crate::access::Access;
use crate::clock;
use crate::datum::{Jsonb, Timestamp};
use crate::heap::row::Row;
use crate::heap::scan::View;
use crate::home::column;
use cache_pg_rules::key::Key;

/// A live entry.
pub struct Fresh {
    pub value: Jsonb,
    pub expires_at: Timestamp,
    /// Microseconds that it took to compute.
    pub load_us: Option<i64>,
}

/// What there is.
pub enum Look {
    Fresh(Fresh),
    /// A value past its deadline, within the `stale_for` of its namespace.
    Stale(Jsonb),
    Miss,
}

/// Looks a key up as `view` shows it.
pub fn look(access: &Access, key: Key, view: View) -> Look {
    if !access.has_rows() {
        return Look::Miss;
    }
    if !access.reads_directly() {
        return statements::look(access, key, matches!(view, View::Latest));
    }
    let now = clock::now();
    let take = |row: &Row| {
        let value: Jsonb = row.get(column::VALUE)?;
        // Its tags hold, or it would not be served.
        if !is_live_at(row, now) {
            return Some(Look::Stale(value));
        }
        let expires_at = row.get(column::EXPIRES_AT).unwrap_or(now);
        Some(Look::Fresh(Fresh { value, expires_at, load_us: row.get(column::LOAD_US).and_then(load_time) }))
    };
    find(access, key, view, |row| is_served(access, row, now, view), take).unwrap_or(Look::Miss)
}

/// Whether the row has a value that may be served, if only as a stale one.
pub(super) fn is_served(access: &Access, row: &Row, now: Timestamp, view: View) -> bool {
    row.has(column::VALUE)
        && served_until(row) > now.0
        && has_possible_version(row)
        && tags::hold(&access.home, row, view)
}
