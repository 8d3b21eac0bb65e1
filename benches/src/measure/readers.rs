//! Owns the clients that read while other work goes on, and the times of their reads.
//!
//! Must never do that work.

use std::{sync::Barrier, sync::atomic::AtomicBool, time::Duration};

use anyhow::Result;

use crate::contender::{Contender, Session};
use crate::keys::{Distribution, Keys};
use crate::load::{self, Fresh, Turn};
use crate::{histogram::Histogram, operation::Operation, values::Values};

/// The number of clients that read.
pub const READERS: usize = 4;

/// The times of reads, with and without other work beside them.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The other work.
    pub beside: String,
    /// The median, and the time that 99 % did not exceed: without it.
    pub without: (Duration, Duration),
    /// The same with it.
    pub with: (Duration, Duration),
}

/// The connections of the readers.
///
/// # Errors
/// When the server refuses one.
pub fn connect(contender: &dyn Contender, space: &str) -> Result<Vec<Box<dyn Session>>> {
    (0..READERS).map(|_| contender.connect(space)).collect()
}

/// Reads keys from 0 to `keys` until `limit` has passed or `stop` is set; `beside` starts other work with the readers.
///
/// # Errors
/// When a request fails or gets a wrong answer.
pub fn read(
    readers: &mut [Box<dyn Session>],
    keys: u64,
    values: &Values,
    stop: &AtomicBool,
    limit: Duration,
    beside: Option<&Barrier>,
) -> Result<Histogram> {
    let keys = Keys::new(keys, Distribution::Uniform);
    let turn =
        Turn { operation: Operation::GetHit, keys: &keys, values, fresh: &Fresh::default(), limit, stop, beside };
    Ok(load::take(readers, turn)?.times)
}

/// The median, and the time that 99 % of the reads did not exceed.
pub fn both(times: &Histogram) -> (Duration, Duration) {
    (times.percentile(0.5), times.percentile(0.99))
}
