//! Writing entries: set, add, replace, compare-and-set, touch, count.
//!
//! Each verb is atomic. It waits for the transaction that holds the row, and then decides by the newest version. Verbs
//! write below the executor where the table is as the extension made it. Where a policy, trigger, rule or further index
//! applies, a statement runs.
//!
//! Owns the blind writes of values. Under REPEATABLE READ and SERIALIZABLE a write to a key raises 40001 if another
//! transaction has written the key since the snapshot, as an UPDATE does, even if the sweeper has removed the row
//! since. A lease or a touch is no such write. Must never overwrite such a change.

use super::announce;
use super::image::{Image, is_live};
use super::tags::{self, Tagged};
use super::types::{Condition, NewEntry};
use super::{fence, open};
use crate::entry::{stored_value, value_of};
use crate::heap::{Contention, Decision, Row, Seen, Table, View, change, snapshot};
use crate::pg::{Jsonb, Scratch, TextArray, Timestamp, Value, Xid8, backend, clock};
use crate::{access::Access, durability::with_async_commit, error::CacheError, namespaces::Deadline};
use cache_pg_rules::{counter::CounterError, key::Key};

/// Writes an entry if `condition` is met; returns its deadline, or None if it is not.
///
/// # Errors
/// [`CacheError::Serialization`].
pub fn put(
    access: &Access,
    new: &NewEntry,
    tags: Option<TextArray>,
    condition: Condition,
) -> Result<Option<Timestamp>, CacheError> {
    if new.value.is_none() && matches!(condition, Condition::Always | Condition::Live) {
        // The deadline has come. What follows is as after a delete: values that were computed before are refused, also
        // if no entry is live, and a change since the caller's snapshot is no conflict.
        let deleted = super::delete::delete(access, vec![new.key])?;
        let is_met = deleted > 0 || matches!(condition, Condition::Always);
        return Ok(is_met.then_some(new.deadline.expires_at));
    }
    let announced = announce::row(new.key);
    let write = || {
        let tagged = tagged(access, new.key, tags)?;
        if access.writes_directly() {
            return open::changing(access, &announced, |table| put_one(access, table, new, tagged, condition));
        }
        super::statements::put(access, new, tagged, condition)
    };
    let written = if new.may_be_forgotten() { with_async_commit(access, write) } else { write() }?;
    if written.is_some() {
        announced.stored(&access.tables, new.key);
    }
    Ok(written)
}

/// Writes entries; returns how many. They must be in byte order of their keys, each key once.
///
/// # Errors
/// [`CacheError::Serialization`].
pub fn put_many(access: &Access, new: &[NewEntry], tags: Option<TextArray>) -> Result<usize, CacheError> {
    let announced = announce::values(&access.tables, new.iter().map(|new| new.key));
    with_async_commit(access, || {
        // Under an old snapshot the fence of each key's namespace is checked, so each key needs its own call.
        let shared = match backend::has_old_snapshot() {
            true => None,
            false => Some(tags.and_then(|tags| Tagged::now(&access.tables, tags))),
        };
        let of = |key| shared.map_or_else(|| tagged(access, key, tags), Ok);
        if !access.writes_directly() {
            let of_all = new.iter().try_fold(None, |_, new| of(new.key))?;
            return super::statements::put_many(access, new, of_all);
        }
        open::changing(access, &announced, |table| {
            let mut scratch = Scratch::new();
            for new in new {
                let tagged = of(new.key)?;
                pgrx::check_for_interrupts!();
                scratch.run(|| put_one(access, table, new, tagged, Condition::Always))?;
            }
            Ok(new.len())
        })
    })
}

/// The tags of a new entry with their generations. Under an old snapshot it fails if a tag was invalidated, or the
/// key's namespace cleared, since the snapshot.
fn tagged(access: &Access, key: Key, tags: Option<TextArray>) -> Result<Option<Tagged>, CacheError> {
    if backend::has_old_snapshot() {
        return tags::check_freshness(&access.tables, key, tags, &Seen::by_statement())
            .ok_or(CacheError::Serialization);
    }
    Ok(tags.and_then(|tags| Tagged::now(&access.tables, tags)))
}

fn put_one(
    access: &Access,
    table: &Table,
    new: &NewEntry,
    tagged: Option<Tagged>,
    condition: Condition,
) -> Result<Option<Timestamp>, CacheError> {
    let version = snapshot::current();
    let mut conflict = Ok(());
    let written = open::change_entry(&access.tables, table, new.key, Contention::Wait, |row| {
        conflict = fence::check_unchanged(table, new.key, row);
        let live = row.filter(|row| is_live(&access.tables, row, clock::now(), View::Latest));
        if conflict.is_err() || !condition.is_met(live) {
            return (None, None);
        }
        let value = new.value.map(|value| row.and_then(|row| same_value(row, value)).unwrap_or(value));
        let image = Image { value, ..Image::entry(new, version, live, tagged) };
        (Some(image), Some(image.expires_at))
    });
    conflict?;
    Ok(written.flatten())
}

/// The value as it is stored in the row, if it is out of line and equal to `value`. Then it is not written again.
fn same_value(row: &Row, value: Value) -> Option<Value> {
    stored_value(row).filter(|stored| stored.is_out_of_line() && stored.equals(value))
}

/// Gives a live entry a new deadline, if it has this version; None: whatever version it has. Returns whether there was
/// such an entry.
///
/// # Errors
/// [`CacheError::Serialization`].
pub fn touch(access: &Access, key: Key, deadline: Deadline, version: Option<Xid8>) -> Result<bool, CacheError> {
    Ok(touch_and_take(access, key, deadline, version, |_| None)?.is_some())
}

/// Gives a live entry a new deadline; returns its value.
///
/// # Errors
/// [`CacheError::Serialization`].
pub fn get_and_touch(access: &Access, key: Key, deadline: Deadline) -> Result<Option<Value>, CacheError> {
    Ok(touch_and_take(access, key, deadline, None, value_of)?.flatten())
}

/// Returns what `take` makes of the row; None: there was no such entry.
fn touch_and_take(
    access: &Access,
    key: Key,
    deadline: Deadline,
    version: Option<Xid8>,
    take: impl Fn(&Row) -> Option<Value>,
) -> Result<Option<Option<Value>>, CacheError> {
    let announced = announce::row(key);
    let condition = version.map_or(Condition::Live, Condition::Version);
    with_async_commit(access, || {
        if !access.writes_directly() {
            return super::statements::touch(access, key, deadline, version);
        }
        let mut conflict = Ok(());
        let touched = open::changing(access, &announced, |table| {
            Ok(change(table, key.as_str(), Contention::Wait, |row| {
                conflict = fence::check_unchanged(table, key, row);
                let live = row.filter(|row| is_live(&access.tables, row, clock::now(), View::Latest));
                match live.filter(|live| conflict.is_ok() && condition.is_met(Some(live))) {
                    Some(live) => {
                        let Deadline { expires_at, stale_until, keeps } = deadline;
                        let image = Image::of(live);
                        let image = if keeps { image } else { Image { expires_at, stale_until, ..image } };
                        Decision::Write(image.columns(), Some(take(live)))
                    }
                    None => Decision::Leave(None),
                }
            }))
        })?;
        conflict?;
        Ok(touched.flatten())
    })
}

/// Adds `delta` to the integer of a live entry. Where there is none, it starts one from `initial`; None: then nothing
/// is written, and the result is None.
///
/// # Errors
/// [`CacheError::NotAnInteger`], [`CacheError::CounterOverflow`], [`CacheError::Serialization`].
pub fn incr(
    access: &Access,
    key: Key,
    delta: i64,
    initial: Option<i64>,
    deadline: Deadline,
) -> Result<Option<i64>, CacheError> {
    let announced = announce::row(key);
    let sum = with_async_commit(access, || {
        if !access.writes_directly() {
            return super::statements::incr(access, key, delta, initial, deadline);
        }
        let version = snapshot::current();
        let mut sum = Ok(None);
        open::changing(access, &announced, |table| {
            open::change_entry(&access.tables, table, key, Contention::Wait, |row| {
                let now = clock::now();
                let live = row.filter(|row| is_live(&access.tables, row, now, View::Latest)).map(Image::of);
                let before = match live.and_then(|live| live.value) {
                    Some(value) => integer(key, value).map(Some),
                    None => Ok(initial),
                };
                sum = fence::check_unchanged(table, key, row).and(before).and_then(|before| match before {
                    Some(before) => before.checked_add(delta).ok_or(CacheError::CounterOverflow).map(Some),
                    None => Ok(None),
                });
                let Ok(Some(sum)) = sum else { return (None, ()) };
                let image = match live {
                    Some(live) => Image { version, updated_at: now, lease: None, load_us: None, ..live },
                    None => Image {
                        created_at: now,
                        expires_at: deadline.expires_at,
                        stale_until: deadline.stale_until,
                        ..Image::empty(key, version, now)
                    },
                };
                (Some(Image { value: Jsonb::from_integer(sum).map(Value::Json), ..image }), ())
            });
            Ok(())
        })?;
        sum
    })?;
    if sum.is_some() {
        announced.stored(&access.tables, key);
    }
    Ok(sum)
}

fn integer(key: Key, value: Value) -> Result<i64, CacheError> {
    let not_an_integer = || CacheError::NotAnInteger(key.as_str().into());
    value.json().ok_or_else(not_an_integer)?.integer().map_err(|why| match why {
        CounterError::NotAnInteger => not_an_integer(),
        CounterError::OutOfRange => CacheError::CounterOverflow,
    })
}
