//! Reading entries.
//!
//! Owns the reads, which write nothing: no row, no WAL, no transaction ID (P4). `get`, `expires_at` and `get_many` read
//! below the executor. Where a policy, trigger or rule applies, and for the rarer reads, a statement runs through the
//! executor. Both ways give the same answers. On a standby an unlogged cache is empty. Must never return a value at or
//! after its deadline (P1).

use super::look::{find, find_many};
use super::{image::is_live, range};
use crate::entry::value_of;
use crate::heap::{FullXid, Row, View, snapshot::is_possible};
use crate::pg::{Bytea, Jsonb, TextArray, Timestamp, Value, Xid8, backend, clock};
use crate::statement::{IntoParam, Rows, Statement, statement};
use crate::{access::Access, catalog::column};
use cache_pg_rules::{key::Key, namespace::KeyRange};

static GET: Statement = statement!("get.sql", [TEXTOID, TIMESTAMPTZOID]);
static EXPIRES_AT: Statement = statement!("expires_at.sql", [TEXTOID, TIMESTAMPTZOID]);
static ENTRY: Statement = statement!("entry.sql", [TEXTOID, TIMESTAMPTZOID]);
static GET_MANY: Statement = statement!("get_many.sql", [TEXTARRAYOID, TIMESTAMPTZOID]);
static COUNT: Statement = statement!("count.sql", [TEXTOID, TEXTOID, BOOLOID, TIMESTAMPTZOID]);
static COUNT_OF_OLD_SNAPSHOT: Statement =
    statement!("count_of_old_snapshot.sql", [TEXTOID, TEXTOID, BOOLOID, TIMESTAMPTZOID]);
static KEYS: Statement = statement!("keys.sql", [TEXTOID, TEXTOID, BOOLOID, TEXTOID, TIMESTAMPTZOID, INT4OID]);
static KEYS_OF_OLD_SNAPSHOT: Statement =
    statement!("keys_of_old_snapshot.sql", [TEXTOID, TEXTOID, BOOLOID, TEXTOID, TIMESTAMPTZOID, INT4OID]);

/// A live entry.
pub struct Entry {
    pub key: String,
    pub value: Option<Jsonb>,
    pub bytes: Option<Bytea>,
    pub tags: Option<TextArray>,
    pub version: Xid8,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub expires_at: Timestamp,
    pub stale_until: Timestamp,
}

/// The value of a live entry.
pub fn get(access: &Access, key: Key) -> Option<Value> {
    part_of(access, key, value_of, &GET, |rows| rows.value(0, 1))
}

/// The deadline of a live entry.
pub fn expires_at(access: &Access, key: Key) -> Option<Timestamp> {
    part_of(access, key, |row| row.get(column::EXPIRES_AT), &EXPIRES_AT, |rows| rows.get(0, 1))
}

/// A part of a live entry: `take` makes it of its row, `read` of what `statement` returns.
fn part_of<T>(
    access: &Access,
    key: Key,
    take: impl Fn(&Row) -> Option<T>,
    statement: &Statement,
    read: impl FnOnce(&Rows) -> Option<T>,
) -> Option<T> {
    if !access.has_rows() {
        return None;
    }
    let now = clock::now();
    if access.reads_directly() {
        let is_live = |row: &Row| is_live(&access.tables, row, now, View::Statement);
        return find(access, key, View::Statement, is_live, take);
    }
    let params = [key.as_str().param(), now.param()];
    access.run(|tables| statement.read(tables, &params, read))
}

/// A live entry with all its columns.
pub fn entry(access: &Access, key: Key) -> Option<Entry> {
    if !access.has_rows() {
        return None;
    }
    let params = [key.as_str().param(), clock::now().param()];
    access.run(|tables| {
        ENTRY.read(tables, &params, |rows| {
            // As below the executor: a row that no transaction can have written is no entry.
            let version: Xid8 = rows.get(0, 4).filter(|version: &Xid8| is_possible(version.0.value() as FullXid))?;
            Some(Entry {
                key: rows.get(0, 1)?,
                value: rows.get(0, 2),
                bytes: rows.get(0, 9),
                tags: rows.get(0, 3),
                version,
                created_at: rows.get(0, 5)?,
                updated_at: rows.get(0, 6)?,
                expires_at: rows.get(0, 7)?,
                stale_until: rows.get(0, 8)?,
            })
        })
    })
}

/// The values of these keys, in their order, each key once, with its number in `keys`. None: it has no live entry.
pub fn get_many(access: &Access, keys: &[Key]) -> Vec<(usize, Option<Value>)> {
    let mut numbers: Vec<usize> = (0..keys.len()).collect();
    // Of equal keys the first comes first.
    numbers.sort_by_key(|&number| keys[number].as_str());
    numbers.dedup_by_key(|number| keys[*number]);
    let wanted: Vec<&str> = numbers.iter().map(|&number| keys[number].as_str()).collect();
    let values = if access.has_rows() { values_of(access, &wanted) } else { vec![None; wanted.len()] };
    let mut found = vec![None; keys.len()];
    for (number, value) in numbers.into_iter().zip(values) {
        found[number] = Some((number, value));
    }
    found.into_iter().flatten().collect()
}

/// The values of these keys, which are in byte order and distinct.
fn values_of(access: &Access, keys: &[&str]) -> Vec<Option<Value>> {
    let now = clock::now();
    let mut values = vec![None; keys.len()];
    if access.reads_directly() {
        let live = |row: &Row| is_live(&access.tables, row, now, View::Statement);
        find_many(access, keys, live, |number, row| values[number] = value_of(row));
        return values;
    }
    let params = [keys.to_vec().param(), now.param()];
    access.run(|tables| {
        GET_MANY.read(tables, &params, |rows| {
            for row in 0..rows.len() {
                let key: Option<String> = rows.get(row, 1);
                if let Some(number) = key.and_then(|key| keys.binary_search(&key.as_str()).ok()) {
                    values[number] = rows.value(row, 2);
                }
            }
        });
    });
    values
}

/// Up to `most` keys of live entries within `range` that come after `after`, in byte order.
pub fn keys(access: &Access, range: &KeyRange, after: Option<&str>, most: i32) -> Vec<String> {
    if !access.has_rows() {
        return Vec::new();
    }
    let [from, before, unnamed] = range::bounds(range);
    let params = [from, before, unnamed, after.unwrap_or("").param(), clock::now().param(), most.param()];
    // The first statement stops after a page of keys. The second may have to sort all of them.
    let statement = if backend::has_old_snapshot() { &KEYS_OF_OLD_SNAPSHOT } else { &KEYS };
    access.run(|tables| statement.read(tables, &params, |rows| rows.column(1)))
}

/// How many live entries there are within `range`.
pub fn count(access: &Access, range: &KeyRange) -> i64 {
    if !access.has_rows() {
        return 0;
    }
    let [from, before, unnamed] = range::bounds(range);
    let params = [from, before, unnamed, clock::now().param()];
    let statement = if backend::has_old_snapshot() { &COUNT_OF_OLD_SNAPSHOT } else { &COUNT };
    access.run(|tables| statement.read(tables, &params, |rows| rows.get(0, 1))).unwrap_or(0)
}
