//! Owns the measurements, one kind a file.
//!
//! Must never leave anything behind that would affect the next measurement.

pub mod counted;
pub mod growth;
pub mod instructions;
pub mod readers;
pub mod speed;
mod steady;
pub mod sweep;

use anyhow::Result;

use crate::contender::{Contender, Session, Ttl};
use crate::{keys, values::Values};

/// How many keys are stored at a time.
const BATCH: u64 = crate::operation::MANY as u64;

/// A new cache called `space` with the keys from 0 to `count`.
///
/// # Errors
/// When the server returns an error.
fn filled(contender: &dyn Contender, space: &str, count: u64, values: &Values) -> Result<Box<dyn Session>> {
    contender.create(space)?;
    let mut session = contender.connect(space)?;
    fill(session.as_mut(), "tenant", count, values, Ttl::DAY)?;
    contender.settle(space)?;
    Ok(session)
}

/// Stores the keys of a namespace from 0 to `count`.
///
/// # Errors
/// When the server returns an error.
fn fill(session: &mut dyn Session, namespace: &str, count: u64, values: &Values, ttl: Ttl) -> Result<()> {
    let mut batch = vec![String::new(); BATCH as usize];
    for first in (0..count).step_by(BATCH as usize) {
        let size = BATCH.min(count - first);
        for (number, key) in (first..first + size).zip(&mut batch) {
            keys::named(namespace, number, key);
        }
        let stored: Vec<_> = (first..first + size).map(|number| values.first(number)).collect();
        if size == BATCH {
            session.fill(&batch, &stored, ttl)?;
        } else {
            batch[..size as usize].iter().zip(&stored).try_for_each(|(key, value)| session.set(key, value, ttl))?;
        }
    }
    Ok(())
}
