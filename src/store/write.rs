//! Writing entries: set, add, replace, compare-and-set, touch, count.
//!
//! Each verb is atomic. It waits for the transaction that holds the row, and then decides by the newest version. Verbs
//! write below the executor where the table is as the extension made it. Where a policy, trigger, rule or further index
//! applies, a statement runs.
//!
//! Owns the blind writes of values. Under REPEATABLE READ and SERIALIZABLE a write to a key raises 40001 if another
//! transaction has written the key since the snapshot, as an UPDATE does, even if the sweeper has removed the row
//! since. A lease or a touch is no such write. Must never overwrite such a change.

use super::announce::{self, Announced};
use super::image::{Image, is_live};
use super::tags::{self, Tagged};
use super::types::{Condition, NewEntry};
use super::{fence, open};
use crate::heap::{Contention, Decision, Row, Seen, Table, View, change, snapshot};
use crate::pg::{Jsonb, Scratch, TextArray, backend, clock};
use crate::{access::Access, catalog::column, durability::with_async_commit, error::CacheError, namespaces::Deadline};
use cache_pg_rules::{counter::CounterError, key::Key};

/// Writes an entry if `condition` holds; returns whether it did.
///
/// # Errors
/// [`CacheError::Serialization`].
pub fn put(access: &Access, new: &NewEntry, tags: Option<TextArray>, condition: Condition) -> Result<bool, CacheError> {
    let announced = announce::row(new.key);
    let written = with_async_commit(access, || {
        let tagged = tagged(access, new.key, tags)?;
        if access.writes_directly() {
            return open::changing(access, &announced, |table| put_one(access, table, new, tagged, condition));
        }
        super::statements::put(access, new, tagged, condition)
    })?;
    if written {
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
) -> Result<bool, CacheError> {
    let version = snapshot::current();
    let mut conflict = Ok(());
    let written = open::change_entry(&access.tables, table, new.key, Contention::Wait, |row| {
        conflict = fence::check_unchanged(table, new.key, row);
        let live = row.filter(|row| is_live(&access.tables, row, clock::now(), View::Latest));
        let wanted = match condition {
            Condition::Always => true,
            Condition::Absent => live.is_none(),
            Condition::Live => live.is_some(),
            Condition::Version(version) => live.is_some_and(|row| row.datum(column::VERSION) == Some(version.0)),
        };
        if conflict.is_err() || !wanted {
            return (None, false);
        }
        let value = row.and_then(|row| same_value(row, new.value)).unwrap_or(new.value);
        (Some(Image { value: Some(value), ..Image::entry(new, version, live, tagged) }), true)
    });
    conflict?;
    Ok(written.unwrap_or(false))
}

/// The value as it is stored in the row, if it is out of line and equal to `value`. Then it is not written again.
fn same_value(row: &Row, value: Jsonb) -> Option<Jsonb> {
    row.datum(column::VALUE).map(Jsonb).filter(|stored| stored.is_out_of_line() && stored.equals(value))
}

/// Gives a live entry a new deadline; returns whether there was one.
///
/// # Errors
/// [`CacheError::Serialization`].
pub fn touch(access: &Access, key: Key, deadline: Deadline) -> Result<bool, CacheError> {
    let announced = announce::row(key);
    with_async_commit(access, || {
        if !access.writes_directly() {
            return super::statements::touch(access, key, deadline);
        }
        change_live(access, &announced, key, |live| {
            let Deadline { expires_at, stale_until } = deadline;
            (Image { expires_at, stale_until, ..Image::of(live) }, ())
        })
        .map(|changed| changed.is_some())
    })
}

/// Replaces the row of a live entry by the image that `next` returns. None: there is no live entry.
fn change_live<R>(
    access: &Access,
    announced: &Announced,
    key: Key,
    next: impl Fn(&Row) -> (Image, R),
) -> Result<Option<R>, CacheError> {
    let mut conflict = Ok(());
    let changed = open::changing(access, announced, |table| {
        Ok(change(table, key.as_str(), Contention::Wait, |row| {
            conflict = fence::check_unchanged(table, key, row);
            match row.filter(|row| is_live(&access.tables, row, clock::now(), View::Latest)) {
                Some(live) if conflict.is_ok() => {
                    let (image, result) = next(live);
                    Decision::Write(image.columns(), Some(result))
                }
                _ => Decision::Leave(None),
            }
        }))
    })?;
    conflict?;
    Ok(changed.flatten())
}

/// Adds `delta` to the integer of a live entry. Where there is none, it starts one from 0.
///
/// # Errors
/// [`CacheError::NotAnInteger`], [`CacheError::CounterOverflow`], [`CacheError::Serialization`].
pub fn incr(access: &Access, key: Key, delta: i64, deadline: Deadline) -> Result<i64, CacheError> {
    let announced = announce::value(&access.tables, key);
    with_async_commit(access, || {
        if !access.writes_directly() {
            return super::statements::incr(access, key, delta, deadline);
        }
        let version = snapshot::current();
        let mut sum = Ok(0);
        open::changing(access, &announced, |table| {
            open::change_entry(&access.tables, table, key, Contention::Wait, |row| {
                let now = clock::now();
                let live = row.filter(|row| is_live(&access.tables, row, now, View::Latest)).map(Image::of);
                let before = live.and_then(|live| live.value).map_or(Ok(0), |value| {
                    value.integer().map_err(|why| match why {
                        CounterError::NotAnInteger => CacheError::NotAnInteger(key.as_str().into()),
                        CounterError::OutOfRange => CacheError::CounterOverflow,
                    })
                });
                sum = fence::check_unchanged(table, key, row)
                    .and(before)
                    .and_then(|before| before.checked_add(delta).ok_or(CacheError::CounterOverflow));
                let Ok(sum) = sum else { return (None, ()) };
                let image = match live {
                    Some(live) => Image { version, updated_at: now, lease: None, load_us: None, ..live },
                    None => Image {
                        created_at: now,
                        expires_at: deadline.expires_at,
                        stale_until: deadline.stale_until,
                        ..Image::empty(key, version, now)
                    },
                };
                (Some(Image { value: Jsonb::from_integer(sum), ..image }), ())
            });
            Ok(())
        })?;
        sum
    })
}
