//! Reading entries. Writes nothing: no row, no WAL, no transaction id (P4).
//!
//! One or many values are looked up in the index directly; where a policy, trigger or rule has a say, and for what
//! is asked seldom, a statement runs through the executor. Both give the same answers.

use super::index::{Row, Scan};
use crate::access::Access;
use crate::clock;
use crate::datum::{Jsonb, TextArray, Timestamp, Xid8};
use crate::home::column;
use crate::statement::{IntoParam, Statement, statement};
use cache_pg_rules::key::Key;
use cache_pg_rules::namespace::KeyRange;
use std::collections::HashMap;

static GET: Statement = statement!("get.sql", [TEXTOID, TIMESTAMPTZOID]);
static EXPIRES_AT: Statement = statement!("expires_at.sql", [TEXTOID, TIMESTAMPTZOID]);
static ENTRY: Statement = statement!("entry.sql", [TEXTOID, TIMESTAMPTZOID]);
static GET_MANY: Statement = statement!("get_many.sql", [TEXTARRAYOID, TIMESTAMPTZOID]);
static KEYS: Statement = statement!("keys.sql", [TEXTOID, TEXTOID, BOOLOID, TEXTOID, TIMESTAMPTZOID, INT4OID]);

/// A live entry.
pub struct Entry {
    pub key: String,
    pub value: Jsonb,
    pub tags: Option<TextArray>,
    pub version: Xid8,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub expires_at: Timestamp,
    pub stale_until: Timestamp,
}

/// The value of a live entry.
pub fn get(access: &Access, key: Key) -> Option<Jsonb> {
    let now = clock::now();
    if let Some(scan) = direct(access) {
        return find_live(scan, key, now, |row| row.get(column::VALUE)).flatten();
    }
    let params = [key.as_str().param(), now.param()];
    access.run(|home| GET.read(home, &params, |rows| rows.get(0, 1)))
}

/// The deadline of a live entry.
pub fn expires_at(access: &Access, key: Key) -> Option<Timestamp> {
    let now = clock::now();
    if let Some(scan) = direct(access) {
        return find_live(scan, key, now, |row| row.get(column::EXPIRES_AT)).flatten();
    }
    let params = [key.as_str().param(), now.param()];
    access.run(|home| EXPIRES_AT.read(home, &params, |rows| rows.get(0, 1)))
}

/// A scan of the index, where nothing but privileges has a say in what the caller may see.
fn direct(access: &Access) -> Option<Scan> {
    access.plain.then(|| Scan::open(access)).flatten()
}

fn find_live<R>(mut scan: Scan, key: Key, now: Timestamp, take: impl FnOnce(&Row) -> R) -> Option<R> {
    let found = scan.find(key.as_str(), |row| is_live(row, now)).map(|row| take(&row));
    scan.close();
    found
}

/// Whether a row holds a live entry.
fn is_live(row: &Row, now: Timestamp) -> bool {
    row.get(column::EXPIRES_AT).is_some_and(|deadline: Timestamp| deadline > now) && row.has(column::VALUE)
}

/// A live entry with all that is known about it.
pub fn entry(access: &Access, key: Key) -> Option<Entry> {
    let params = [key.as_str().param(), clock::now().param()];
    access.run(|home| {
        ENTRY.read(home, &params, |rows| {
            Some(Entry {
                key: rows.get(0, 1)?,
                value: rows.get(0, 2)?,
                tags: rows.get(0, 3),
                version: rows.get(0, 4)?,
                created_at: rows.get(0, 5)?,
                updated_at: rows.get(0, 6)?,
                expires_at: rows.get(0, 7)?,
                stale_until: rows.get(0, 8)?,
            })
        })
    })
}

/// The values of those keys that have a live entry, in the order asked, each once.
pub fn get_many(access: &Access, keys: &[Key]) -> Vec<(String, Jsonb)> {
    let mut wanted: Vec<&str> = keys.iter().map(|key| key.as_str()).collect();
    // In byte order the scan comes back to pages that it has just left.
    wanted.sort_unstable();
    wanted.dedup();
    let mut found = values_of(access, &wanted);
    keys.iter().filter_map(|key| found.remove_entry(key.as_str())).collect()
}

fn values_of(access: &Access, keys: &[&str]) -> HashMap<String, Jsonb> {
    let now = clock::now();
    if let Some(mut scan) = direct(access) {
        let found = keys
            .iter()
            .filter_map(|&key| {
                pgrx::check_for_interrupts!();
                let row = scan.find(key, |row| is_live(row, now))?;
                Some((key.to_owned(), row.get(column::VALUE)?))
            })
            .collect();
        scan.close();
        return found;
    }
    let params = [keys.to_vec().param(), now.param()];
    access.run(|home| {
        GET_MANY.read(home, &params, |rows| {
            (0..rows.len()).filter_map(|row| Some((rows.get(row, 1)?, rows.get(row, 2)?))).collect()
        })
    })
}

/// Up to `most` keys of live entries within `range` that come after `after`, in byte order.
pub fn keys(access: &Access, range: Option<KeyRange>, after: Option<&str>, most: i32) -> Vec<String> {
    let [from, before, unnamed] = super::delete::bounds(range);
    let params = [from, before, unnamed, after.unwrap_or("").param(), clock::now().param(), most.param()];
    access.run(|home| KEYS.read(home, &params, |rows| (0..rows.len()).filter_map(|row| rows.get(row, 1)).collect()))
}
