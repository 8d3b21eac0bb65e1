//! What a statement has made of entries, for the gauge.
//!
//! A trigger or policy decides what is written, so no statement can tell: the newest rows are looked at below the
//! executor before it and after it. What others write in between is counted twice, and a table of another shape not at
//! all; the next turn of the hand sets both right. Must never let what it finds out reach the caller, nor have a caller
//! whom policies keep out wait for a row that they hide.

use crate::access::Access;
use crate::error::CacheError;
use crate::evict::growth::{self, Growth};
use crate::heap::change::{Contention, Decision, change};
use crate::heap::table::Table;
use crate::stats::memory;
use crate::store::range::Keys;
use crate::store::write;
use cache_pg_rules::key::Key;
use cache_pg_rules::ledger::Change;
use cache_pg_rules::namespace::Namespace;
use std::collections::HashMap;

/// Runs a statement that writes these keys, and counts what has become of their entries. `contention`: what the
/// statement does where another transaction holds a row. Under policies, which the statement asks before it waits for
/// anybody, what is held is not counted.
pub fn counted<R>(access: &Access, keys: &[Key], contention: Contention, statement: impl FnOnce() -> R) -> R {
    let contention = if access.is_under_policies { Contention::GiveUp } else { contention };
    let Some(before) = weigh(access, keys, contention) else { return statement() };
    let result = statement();
    // What the statement has written nobody else holds.
    if let Some(after) = weigh(access, keys, Contention::GiveUp) {
        for ((&key, before), after) in keys.iter().zip(before).zip(after) {
            if let (Some(before), Some(after)) = (before, after) {
                growth::note(access, key, Growth::from_weights(before, after));
            }
        }
    }
    result
}

/// What the entries of keys weigh; None where one is not known.
fn weigh(access: &Access, keys: &[Key], contention: Contention) -> Option<Vec<Option<Option<i64>>>> {
    if !access.home.may_be_walked {
        return None;
    }
    let weights =
        write::writing(access, |table| Ok(keys.iter().map(|key| weight_of(table, key.as_str(), contention)).collect()));
    weights.ok()
}

/// What the newest entry of a key weighs, if it has one; None where another transaction holds the row.
fn weight_of(table: &Table, key: &str, contention: Contention) -> Option<Option<i64>> {
    pgrx::check_for_interrupts!();
    change(table, key, contention, |row| Decision::Leave(row.and_then(|row| growth::weight_before(key, row))))
}

/// What there is of each namespace in a range of keys.
type Sums = HashMap<String, Change>;

/// Runs a statement that deletes a namespace, or all, after the transactions that hold rows of it have ended: it does
/// not see what they wrote before that. Counts what has gone.
///
/// # Errors
/// [`CacheError::Altered`].
pub fn counted_clear<R>(
    access: &Access,
    namespace: Option<Namespace>,
    statement: impl FnOnce() -> R,
) -> Result<R, CacheError> {
    if !access.home.may_be_walked {
        return Ok(statement());
    }
    let before = weigh_all(access, namespace, Contention::Wait)?;
    let result = statement();
    if memory::attached() {
        let after = weigh_all(access, namespace, Contention::GiveUp)?;
        for (name, before) in before {
            let after = after.get(&name).copied().unwrap_or_default();
            let change = Change { entries: after.entries - before.entries, bytes: after.bytes - before.bytes };
            if let Ok(namespace) = Namespace::parse(&name) {
                growth::note_namespace(access, namespace, change);
            }
        }
    }
    Ok(result)
}

fn weigh_all(access: &Access, namespace: Option<Namespace>, contention: Contention) -> Result<Sums, CacheError> {
    write::writing(access, |table| {
        let (mut sums, mut keys) = (Sums::new(), Keys::new(namespace.map(Namespace::keys)));
        while let Some(batch) = keys.next_batch(table) {
            for key in batch {
                let (Some(bytes), Ok(key)) = (weight_of(table, &key, contention).flatten(), Key::parse(&key)) else {
                    continue;
                };
                let sum = sums.entry(key.namespace().as_str().to_owned()).or_default();
                *sum = sum.and(Change { entries: 1, bytes });
            }
        }
        Ok(sums)
    })
}
