//! Keys that are in line to be warmed: rows without a value, until a worker computes one.
//!
//! Owns these rows. A key gets one only where it has nothing that a caller could be given, and as with a lease the row
//! keeps its version, so for the fence it is no write. Whatever writes the row, a caller's value as well as a delete,
//! takes the key out of the line. Must never wait for another transaction, nor be written through the executor, because
//! then no worker could store the value.

use super::image::Image;
use super::read_through::Storing;
use super::reload::{Reloaded, reload};
use super::tags::{self, Tagged};
use super::{announce, carried, fill, look, open, tag_lists};
use crate::access::Access;
use crate::ahead::{in_line, loads, warmings};
use crate::durability::with_async_commit;
use crate::entry::{LONGEST_WAIT, NEVER, lease_in_force, wanted_until};
use crate::error::{CacheError, LoadError};
use crate::evict::recency;
use crate::heap::{Contention, Decision, NO_XID, Row, Table, View, change};
use crate::namespaces::{Expiry, NamespaceOptions};
use crate::pg::{Scratch, TextArray, Timestamp, Value, clock};
use crate::statement::Listed;
use cache_pg_rules::{key::Key, namespace::Namespace, token::hash};
use pgrx::IntoDatum;
use std::ops::Range;

/// Keys of a namespace that are to be put in line: those that were read lately first, each once, with its tags.
pub struct Wanted(Vec<(String, Option<Vec<Option<String>>>)>);

impl Wanted {
    /// The keys that were listed, each with or without its namespace. Of more keys than the limits allow, only so many,
    /// with a warning.
    ///
    /// # Errors
    /// [`CacheError::NullKey`], [`CacheError::Key`], [`LoadError::OtherNamespace`], and those of a list of tags.
    pub fn of(access: &Access, namespace: Namespace, listed: Vec<Listed>) -> Result<Self, CacheError> {
        access.check_direct()?;
        let mut keys = Vec::with_capacity(listed.len());
        for Listed { key, tags } in listed {
            let key = namespace.key_text(&key.ok_or(CacheError::NullKey)?);
            of_namespace(&key, namespace)?;
            tag_lists::tag_names(tags.clone())?;
            keys.push((key, tags));
        }
        keys.sort_by(|(one, _), (other, _)| one.cmp(other));
        // A key that is listed twice has the tags of both.
        keys.dedup_by(|(key, tags), (kept, all)| {
            let is_same = key == kept;
            if is_same && let Some(tags) = tags.take() {
                all.get_or_insert_default().extend(tags);
            }
            is_same
        });
        keys.sort_by_cached_key(|(key, _)| !recency::is_read(hash(key)));
        let most = in_line::most(&access.tables, namespace).unwrap_or(u64::MAX);
        if keys.len() as u64 > most {
            pgrx::warning!(
                "cache_pg warms {most} keys of {} of namespace \"{}\", because no more entries fit into it",
                keys.len(),
                namespace.as_str()
            );
            keys.truncate(most as usize);
        }
        Ok(Self(keys))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// What became of keys that were to be put in line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Put {
    /// How many are in line now that were not before.
    pub put: u64,
    /// How many another transaction was about to write, so that they were passed over.
    pub held: u64,
}

/// Puts some of these keys in line, in their order. Left out are those that have a value which may be served, those
/// that someone computes or is about to write, and those that are in line already.
///
/// # Errors
/// [`LoadError::ByExecutor`], [`LoadError::OtherNamespace`], those of a list of tags, [`CacheError::Altered`].
pub fn put_in_line(
    access: &Access,
    namespace: Namespace,
    wanted: &Wanted,
    part: Range<usize>,
) -> Result<Put, CacheError> {
    access.check_direct()?;
    let keys =
        wanted.0[part].iter().map(|(key, tags)| Ok((of_namespace(key, namespace)?, tag_lists::tags(tags.clone())?)));
    let keys = keys.collect::<Result<Vec<_>, CacheError>>()?;
    let put = with_async_commit(access, || fill::without_raising(access, || put_keys_in_line(access, &keys)))?;
    if put.put > 0 {
        warmings::begin_at_commit(hash(namespace.as_str()), loads::tally(namespace));
    }
    Ok(put)
}

fn of_namespace<'a>(text: &'a str, namespace: Namespace) -> Result<Key<'a>, CacheError> {
    let key = Key::parse(text).map_err(|why| CacheError::Key(text.into(), why))?;
    match key.namespace() == namespace {
        true => Ok(key),
        false => Err(LoadError::OtherNamespace(text.into(), namespace.as_str().into()).into()),
    }
}

/// The tags that the value of a key in line is to have. None: they are damaged.
pub fn tags_in_line(row: &Row) -> Option<Option<TextArray>> {
    let names: Vec<String> = carried::of(row)?.into_iter().map(|(name, _)| name).collect();
    Some(if names.is_empty() { None } else { names.into_datum().map(TextArray) })
}

/// Computes the value of a key in line, and stores it with these tags if it cannot be stale. A key without a value
/// leaves the line.
///
/// # Errors
/// As [`reload`].
pub fn load_in_line(
    access: &Access,
    namespace: &NamespaceOptions,
    key: Key,
    tags: Option<TextArray>,
    compute: impl Fn() -> Result<Option<Value>, CacheError>,
) -> Result<Reloaded, CacheError> {
    let deadline = |value, now| {
        namespace.check_size(key, value)?;
        namespace.deadline(Expiry::Usual, now)
    };
    // If a tag was invalidated since the key was listed, the entry may need other tags now.
    let is_in_line =
        |row: &Row| wanted_until(row, clock::now()).is_some() && tags::hold(&access.tables, row, View::Latest);
    let storing = Storing { key, tags, deadline: &deadline, replaces: Some(&is_in_line) };
    let loaded = reload(access, &storing, compute)?;
    if loaded == Reloaded::Null {
        leave_out(access, key)?;
    }
    Ok(loaded)
}

fn put_keys_in_line(access: &Access, keys: &[(Key, Option<TextArray>)]) -> Result<Put, CacheError> {
    let Some(announced) = keys.iter().map(|&(key, _)| announce::row(key)).next_back() else {
        return Ok(Put::default());
    };
    open::changing(access, &announced, |table| {
        let (mut all, mut scratch) = (Put::default(), Scratch::new());
        for &(key, tags) in keys {
            pgrx::check_for_interrupts!();
            match scratch.run(|| put_key_in_line(access, table, key, tags)) {
                Some(put) => all.put += u64::from(put),
                None => all.held += 1,
            }
        }
        Ok(all)
    })
}

/// None: another transaction is about to write the key.
fn put_key_in_line(access: &Access, table: &Table, key: Key, tags: Option<TextArray>) -> Option<bool> {
    let tagged = tags.and_then(|tags| Tagged::now(&access.tables, tags));
    open::change_entry(&access.tables, table, key, Contention::GiveUp, |row| {
        let now = clock::now();
        let times = (now, Timestamp(now.0.saturating_add(LONGEST_WAIT)));
        match row {
            Some(row) if !is_vacant(access, row, now) => (None, false),
            Some(row) => (Some(in_line(Image::of(row), tagged, times)), true),
            None => (Some(in_line(Image::empty(key, NO_XID, now), tagged, times)), true),
        }
    })
}

/// Whether the row has nothing for a caller, nobody computes its value, and it is not in line.
fn is_vacant(access: &Access, row: &Row, now: Timestamp) -> bool {
    !look::is_served(access, row, now, View::Latest)
        && lease_in_force(row, now).is_none()
        && wanted_until(row, now).is_none()
}

/// The row of a key that is in line, with the version of `before`, and with the tags that its value is to have.
fn in_line(before: Image, tagged: Option<Tagged>, (now, until): (Timestamp, Timestamp)) -> Image {
    Image {
        created_at: NEVER,
        updated_at: now,
        expires_at: until,
        stale_until: None,
        lease: None,
        load_us: None,
        value: None,
        tagged,
        ..before
    }
}

/// Takes a key out of the line, if it is still in it.
///
/// # Errors
/// [`LoadError::ByExecutor`], [`CacheError::Altered`].
pub fn leave_out(access: &Access, key: Key) -> Result<(), CacheError> {
    access.check_direct()?;
    let announced = announce::row(key);
    let leave_out = || {
        open::changing(access, &announced, |table| {
            change(table, key.as_str(), Contention::GiveUp, |row| {
                let now = clock::now();
                match row.filter(|row| wanted_until(row, now).is_some()) {
                    Some(row) => Decision::Write(Image { expires_at: now, ..Image::of(row) }.columns(), ()),
                    None => Decision::Leave(()),
                }
            });
            Ok(())
        })
    };
    with_async_commit(access, || fill::without_raising(access, leave_out))
}
