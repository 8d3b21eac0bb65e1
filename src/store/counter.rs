//! Counting in an entry.
//!
//! Owns the increment. Must never lose one: it waits for the transaction that holds the row, and then adds to the
//! newest version.

use super::image::{Image, is_live};
use super::{announce, fence, open};
use crate::access::Access;
use crate::durability::with_async_commit;
use crate::error::CacheError;
use crate::evict::{Growth, growth};
use crate::heap::{Contention, Decision, View, change, snapshot};
use crate::namespaces::Deadline;
use crate::pg::{Jsonb, clock};
use cache_pg_rules::{counter::CounterError, key::Key};

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
        let mut growth = Growth::default();
        open::changing(access, &announced, |table| {
            change(table, key.as_str(), Contention::Wait, |row| {
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
                let Ok(sum) = sum else { return Decision::Leave(()) };
                let image = match live {
                    Some(live) => Image { version, updated_at: now, lease: None, load_us: None, ..live },
                    None => Image {
                        created_at: now,
                        expires_at: deadline.expires_at,
                        stale_until: deadline.stale_until,
                        ..Image::empty(key, version, now)
                    },
                };
                let value = Jsonb::from_integer(sum);
                growth = Growth::of(key, row, value);
                Decision::Write(Image { value, ..image }.columns(), ())
            });
            Ok(())
        })?;
        if sum.is_ok() {
            growth::record(&access.tables, key, growth);
        }
        sum
    })
}
