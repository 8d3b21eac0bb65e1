//! Owns what a contender and a client's connection to it can do, and how long an entry lives.
//!
//! Must never know a contender.

use anyhow::{Result, bail};

use crate::operation::Operation;

/// How long something is to live.
#[derive(Clone, Copy, Debug)]
pub struct Ttl {
    /// In seconds.
    pub seconds: u32,
    /// The same as PostgreSQL reads an interval.
    pub text: &'static str,
}

impl Ttl {
    /// Longer than any run.
    pub const DAY: Self = Self { seconds: 86_400, text: "86400 seconds" };
    /// What the sweepers are watched with.
    pub const TEN_SECONDS: Self = Self { seconds: 10, text: "10 seconds" };
    /// The same in a short run.
    pub const SECOND: Self = Self { seconds: 1, text: "1 second" };
}

/// A cache.
pub trait Contender: Send + Sync {
    /// What tables call it.
    fn name(&self) -> &'static str;

    /// Whether it can do this.
    fn offers(&self, operation: Operation) -> bool;

    /// Creates an empty cache called `space`, in place of the one of this name.
    ///
    /// # Errors
    /// When the server does not let it.
    fn create(&self, space: &str) -> Result<()>;

    /// Removes the cache called `space`.
    ///
    /// # Errors
    /// When the server does not let it.
    fn remove(&self, space: &str) -> Result<()>;

    /// Brings a cache that was just filled to rest, as time would.
    ///
    /// # Errors
    /// When the server does not let it.
    fn settle(&self, space: &str) -> Result<()>;

    /// A connection to the cache called `space`.
    ///
    /// # Errors
    /// When the server does not let it in.
    fn connect(&self, space: &str) -> Result<Box<dyn Session>>;

    /// The database of `space` and the table in it that things can be counted of.
    fn table(&self, _space: &str) -> Option<(String, &'static str)> {
        None
    }
}

/// One client's connection.
pub trait Session: Send {
    /// Reads the value of a key into `value`; false when it is not there.
    ///
    /// # Errors
    /// When the server says so.
    fn get(&mut self, key: &str, value: &mut Vec<u8>) -> Result<bool>;

    /// Reads the values of distinct keys and returns how many are there.
    ///
    /// # Errors
    /// When the server says so.
    fn get_many(&mut self, keys: &[String]) -> Result<usize>;

    /// Stores a value.
    ///
    /// # Errors
    /// When the server says so.
    fn set(&mut self, key: &str, value: &str, ttl: Ttl) -> Result<()>;

    /// Stores values of distinct keys, which are in byte order: written in any other, they would deadlock in most of
    /// the contenders.
    ///
    /// # Errors
    /// When the server says so.
    fn set_many(&mut self, keys: &[String], values: &[&str], ttl: Ttl) -> Result<()>;

    /// The quickest way to store many when nobody measures.
    ///
    /// # Errors
    /// When the server says so.
    fn fill(&mut self, keys: &[String], values: &[&str], ttl: Ttl) -> Result<()> {
        self.set_many(keys, values, ttl)
    }

    /// Deletes a key.
    ///
    /// # Errors
    /// When the server says so.
    fn delete(&mut self, key: &str) -> Result<()>;

    /// Adds one to an integer that is there.
    ///
    /// # Errors
    /// When the server says so.
    fn incr(&mut self, key: &str) -> Result<()>;

    /// Removes up to `batch` expired entries and returns how many.
    ///
    /// # Errors
    /// When the server says so, or there is no such request.
    fn sweep(&mut self, _batch: u32) -> Result<u64> {
        bail!("this cache is not swept by its clients")
    }

    /// The process that serves this connection.
    fn process(&self) -> i32;
}
