//! What is compared: one file each, with the statements that it sends and where they come from.
//!
//! Must never give one contender something that another could have too, such as prepared statements: all get the best
//! that their server offers, also where their own driver would not use it.

mod by_hand;
mod cache_pg;
mod clock;
mod django;
mod floor;
mod keyv;
mod laravel;
mod memcached;
mod redis;
mod solid_cache;
mod sql;

use std::sync::Arc;

use anyhow::{Result, bail};

pub use by_hand::ByHand;
pub use cache_pg::CachePg;

use crate::operation::Operation;
use crate::servers::LeftOut;
use crate::servers::memcached::Memcached as MemcachedServer;
use crate::servers::postgres::Postgres;
use crate::servers::redis::{Persistence, Redis as RedisServer};
use sql::OnPostgres;

/// The names that ratios and targets are made of.
pub mod names {
    /// The floor of the protocol.
    pub const FLOOR: &str = "SELECT $1";
    /// This project, at its defaults.
    pub const CACHE_PG: &str = "cache_pg";
    /// This project, without waiting for the disk at all.
    pub const CACHE_PG_ASYNC: &str = "cache_pg, async";
    /// This project, without WAL.
    pub const CACHE_PG_UNLOGGED: &str = "cache_pg, unlogged";
    /// What people write by hand, at its defaults.
    pub const BY_HAND: &str = "by hand";
    /// The same without waiting for the disk.
    pub const BY_HAND_ASYNC: &str = "by hand, async";
    /// The same without WAL.
    pub const BY_HAND_UNLOGGED: &str = "by hand, unlogged";
    /// Redis without persistence.
    pub const REDIS: &str = "Redis";
}

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

/// Who takes part.
pub struct Field {
    /// In the order of the tables.
    pub contenders: Vec<Box<dyn Contender>>,
    /// What could not be had.
    pub left_out: Vec<LeftOut>,
}

/// Everything that could be had, and what could not.
///
/// # Errors
/// When a server that is there does not start.
pub fn all(postgres: &Arc<Postgres>) -> Result<Field> {
    let mut contenders: Vec<Box<dyn Contender>> = vec![
        OnPostgres::boxed(postgres, floor::Floor),
        OnPostgres::boxed(postgres, CachePg::DEFAULT),
        OnPostgres::boxed(postgres, CachePg::ASYNC),
    ];
    let mut left_out = Vec::new();
    if CachePg::can_be_unlogged(postgres)? {
        contenders.push(OnPostgres::boxed(postgres, CachePg::UNLOGGED));
    } else {
        left_out.push(LeftOut { name: names::CACHE_PG_UNLOGGED, why: "this version has no such mode".to_owned() });
    }
    for by_hand in [ByHand::DEFAULT, ByHand::ASYNC, ByHand::UNLOGGED] {
        contenders.push(OnPostgres::boxed(postgres, by_hand));
    }
    contenders.push(OnPostgres::boxed(postgres, solid_cache::SolidCache));
    contenders.push(OnPostgres::boxed(postgres, django::Django));
    contenders.push(OnPostgres::boxed(postgres, laravel::Laravel));
    contenders.push(OnPostgres::boxed(postgres, keyv::Keyv));
    for (name, persistence) in [(names::REDIS, Persistence::None), ("Redis, AOF everysec", Persistence::EverySecond)] {
        match RedisServer::start(persistence)? {
            Ok(server) => contenders.push(Box::new(redis::Redis::new(name, server))),
            Err(missing) => left_out.push(LeftOut { name, ..missing }),
        }
    }
    match MemcachedServer::start()? {
        Ok(server) => contenders.push(Box::new(memcached::Memcached::new(server))),
        Err(missing) => left_out.push(missing),
    }
    Ok(Field { contenders, left_out })
}

/// The floor, this project, and what is written by hand, for what takes long and says much.
pub fn instructive(postgres: &Arc<Postgres>) -> [Box<dyn Contender>; 3] {
    [
        OnPostgres::boxed(postgres, floor::Floor),
        OnPostgres::boxed(postgres, CachePg::DEFAULT),
        OnPostgres::boxed(postgres, ByHand::DEFAULT),
    ]
}

/// One of this project's and one of the hand-written, for what only these two are measured by.
pub fn on_postgres(postgres: &Arc<Postgres>) -> [Box<dyn Contender>; 2] {
    [OnPostgres::boxed(postgres, CachePg::DEFAULT), OnPostgres::boxed(postgres, ByHand::DEFAULT)]
}
