//! Locks with an owner and a deadline.
//!
//! Owns `cache_lock`, `cache_unlock` and `cache_lock_owner`. A lock is an ordinary entry whose value is its owner, as a
//! JSON string. So it ends at its deadline, whether its owner has finished or not. Must never take a lock from its
//! owner before that.

use super::answer::answer;
use super::arguments::{expiry, functions_with_ttl, key};
use crate::access::{self, Access, Verb};
use crate::error::{CacheError, ErrorReport};
use crate::pg::{Jsonb, Value, clock};
use crate::stats::{self, Counter, Operation, observe};
use crate::store::{self, Condition, NewEntry};
use cache_pg_rules::key::Key;
use pgrx::prelude::*;

functions_with_ttl! {
    /// Takes a lock for an owner, or renews the one that it has; returns whether the owner has it now. Atomic.
    fn cache_lock, cache_lock_text, cache_lock_seconds as "cache_lock"(
        key: [Option<&str>], owner: [Option<&str>]; ttl;
    ) -> [Result<bool, ErrorReport>] {
        answer(key, || {
            observe(Operation::Set, "cache_lock", key.unwrap_or_default(), || {
                let access = access::check_all(&[Verb::Read, Verb::Write])?;
                let key = self::key(key)?;
                let owner = value_of(owner)?;
                let new = super::write::new_entry(&access, key, Some(owner), expiry(ttl, None)?, clock::now())?;
                let taken = store::put(&access, &new, None, Condition::AbsentOrHolds(owner))?.is_some();
                stats::count(key, Counter::Sets, taken.into());
                if !taken {
                    owner_of(&access, key)?;
                }
                Ok(taken)
            })
        })
    }
}

/// Releases a lock, if it is this owner's; returns whether it was.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_unlock(key: Option<&str>, owner: Option<&str>) -> Result<bool, ErrorReport> {
    answer(key, || {
        observe(Operation::Delete, "cache_unlock", key.unwrap_or_default(), || {
            let access = access::check_all(&[Verb::Read, Verb::Delete])?;
            let key = self::key(key)?;
            let held = Condition::Holds(value_of(owner)?);
            let released = store::put(&access, &NewEntry::tombstone(key), None, held)?.is_some();
            stats::count(key, Counter::Deletes, released.into());
            if !released {
                owner_of(&access, key)?;
            }
            Ok(released)
        })
    })
}

/// Returns the owner of a lock; NULL if nobody has it.
#[pg_extern(stable, parallel_safe)]
fn cache_lock_owner(key: Option<&str>) -> Result<Option<String>, ErrorReport> {
    answer(key, || owner_of(&access::check(Verb::Read)?, self::key(key)?))
}

fn value_of(owner: Option<&str>) -> Result<Value, CacheError> {
    let owner = owner.ok_or(CacheError::NullOwner)?;
    // A text is always a JSON string.
    Jsonb::from_text(owner).map(Value::Json).ok_or(CacheError::NullOwner)
}

/// The owner of the lock, if there is one.
///
/// # Errors
/// [`CacheError::NotALock`] if the entry is no lock.
fn owner_of(access: &Access, key: Key) -> Result<Option<String>, CacheError> {
    let not_a_lock = || CacheError::NotALock(key.as_str().into());
    let value = store::get(access, key);
    value.map(|value| value.json().and_then(Jsonb::text).ok_or_else(not_a_lock)).transpose()
}
