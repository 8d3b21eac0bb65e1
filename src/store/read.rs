//! Reading entries. Writes nothing: no row, no WAL, no transaction id (P4).

use crate::access::Access;
use crate::clock;
use crate::datum::{Jsonb, TextArray, Timestamp, Xid8};
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
    let params = [key.as_str().param(), clock::now().param()];
    access.run(|home| GET.read(home, &params, |rows| rows.get(0, 1)))
}

/// The deadline of a live entry.
pub fn expires_at(access: &Access, key: Key) -> Option<Timestamp> {
    let params = [key.as_str().param(), clock::now().param()];
    access.run(|home| EXPIRES_AT.read(home, &params, |rows| rows.get(0, 1)))
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
    let wanted: Vec<&str> = keys.iter().map(|key| key.as_str()).collect();
    let params = [wanted.param(), clock::now().param()];
    let mut found: HashMap<String, Jsonb> = access.run(|home| {
        GET_MANY.read(home, &params, |rows| {
            (0..rows.len()).filter_map(|row| Some((rows.get(row, 1)?, rows.get(row, 2)?))).collect()
        })
    });
    keys.iter().filter_map(|key| found.remove_entry(key.as_str())).collect()
}

/// Up to `most` keys of live entries within `range` that come after `after`, in byte order.
pub fn keys(access: &Access, range: Option<KeyRange>, after: Option<&str>, most: i32) -> Vec<String> {
    let [from, before, unnamed] = super::delete::bounds(range);
    let params = [from, before, unnamed, after.unwrap_or("").param(), clock::now().param(), most.param()];
    access.run(|home| KEYS.read(home, &params, |rows| (0..rows.len()).filter_map(|row| rows.get(row, 1)).collect()))
}
