//! Owns the interfaces of a contender and of a client's connection to it, and the time to live.
//!
//! Must never know a contender.

use anyhow::{Result, bail};

use crate::operation::Operation;

/// A time to live.
#[derive(Clone, Copy, Debug)]
pub struct Ttl {
    /// In seconds.
    pub seconds: u32,
    /// The same as an interval of PostgreSQL.
    pub text: &'static str,
}

impl Ttl {
    /// Longer than any run.
    pub const DAY: Self = Self { seconds: 86_400, text: "86400 seconds" };
    /// For measurements of the sweepers.
    pub const TEN_SECONDS: Self = Self { seconds: 10, text: "10 seconds" };
    /// The same in a short run.
    pub const SECOND: Self = Self { seconds: 1, text: "1 second" };
}

/// A cache.
pub trait Contender: Send + Sync {
    /// Its name in tables.
    fn name(&self) -> &'static str;

    /// Whether it supports this operation.
    fn offers(&self, operation: Operation) -> bool;

    /// Creates an empty cache called `space`, in place of an older one.
    ///
    /// # Errors
    /// When the server returns an error.
    fn create(&self, space: &str) -> Result<()>;

    /// Removes the cache called `space`.
    ///
    /// # Errors
    /// When the server returns an error.
    fn remove(&self, space: &str) -> Result<()>;

    /// Brings a cache that was just filled into the state that it would reach with time.
    ///
    /// # Errors
    /// When the server returns an error.
    fn settle(&self, space: &str) -> Result<()>;

    /// A connection to the cache called `space`.
    ///
    /// # Errors
    /// When the server refuses it.
    fn connect(&self, space: &str) -> Result<Box<dyn Session>>;

    /// The database of `space` and its table, if WAL and updates can be counted there.
    fn table(&self, _space: &str) -> Option<(String, &'static str)> {
        None
    }
}

/// One client's connection.
pub trait Session: Send {
    /// Reads the value of a key into `value`; false when it is not there.
    ///
    /// # Errors
    /// When the server returns an error.
    fn get(&mut self, key: &str, value: &mut Vec<u8>) -> Result<bool>;

    /// Reads the values of distinct keys and returns how many are there.
    ///
    /// # Errors
    /// When the server returns an error.
    fn get_many(&mut self, keys: &[String]) -> Result<usize>;

    /// Stores a value.
    ///
    /// # Errors
    /// When the server returns an error.
    fn set(&mut self, key: &str, value: &str, ttl: Ttl) -> Result<()>;

    /// Stores values of distinct keys in byte order; in another order, most contenders would deadlock.
    ///
    /// # Errors
    /// When the server returns an error.
    fn set_many(&mut self, keys: &[String], values: &[&str], ttl: Ttl) -> Result<()>;

    /// Stores many values in the fastest way, outside of measurements.
    ///
    /// # Errors
    /// When the server returns an error.
    fn fill(&mut self, keys: &[String], values: &[&str], ttl: Ttl) -> Result<()> {
        self.set_many(keys, values, ttl)
    }

    /// Deletes a key.
    ///
    /// # Errors
    /// When the server returns an error.
    fn delete(&mut self, key: &str) -> Result<()>;

    /// Increments an existing integer.
    ///
    /// # Errors
    /// When the server returns an error.
    fn incr(&mut self, key: &str) -> Result<()>;

    /// Removes up to `batch` expired entries and returns how many.
    ///
    /// # Errors
    /// When the server returns an error, or has no such request.
    fn sweep(&mut self, _batch: u32) -> Result<u64> {
        bail!("the clients of this cache do not sweep it")
    }

    /// The process that serves this connection.
    fn process(&self) -> i32;
}
