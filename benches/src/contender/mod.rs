//! Owns the contenders: one file each, with the statements that it sends and their source.
//!
//! Must never give one contender something that another could have too, such as prepared statements: each gets the best
//! that its server offers, even where its own driver would not use it.

mod by_hand;
mod cache_pg;
mod clock;
mod django;
mod floor;
mod keyv;
mod laravel;
mod memcached;
pub mod names;
mod redis;
mod session;
mod solid_cache;
mod sql;

use std::sync::Arc;

use anyhow::Result;

pub use by_hand::ByHand;
pub use cache_pg::CachePg;
pub use session::{Contender, Session, Ttl};

use crate::servers::memory::{self, Persistence};
use crate::servers::{LeftOut, postgres::Postgres};
use sql::OnPostgres;

/// The contenders of a run.
pub struct Field {
    /// In the order of the tables.
    pub contenders: Vec<Box<dyn Contender>>,
    /// The contenders that are not available.
    pub left_out: Vec<LeftOut>,
}

/// All contenders that are available, and those that are not.
///
/// # Errors
/// When a server does not start.
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
        match memory::redis(persistence)? {
            Ok(server) => contenders.push(Box::new(redis::Redis::new(name, server))),
            Err(missing) => left_out.push(LeftOut { name, ..missing }),
        }
    }
    match memory::memcached()? {
        Ok(server) => contenders.push(Box::new(memcached::Memcached::new(server))),
        Err(missing) => left_out.push(missing),
    }
    Ok(Field { contenders, left_out })
}

/// The floor, cache_pg and the hand-written cache, for measurements that take long.
pub fn instructive(postgres: &Arc<Postgres>) -> [Box<dyn Contender>; 3] {
    [
        OnPostgres::boxed(postgres, floor::Floor),
        OnPostgres::boxed(postgres, CachePg::DEFAULT),
        OnPostgres::boxed(postgres, ByHand::DEFAULT),
    ]
}

/// cache_pg and the hand-written cache, for measurements of these two alone.
pub fn on_postgres(postgres: &Arc<Postgres>) -> [Box<dyn Contender>; 2] {
    [OnPostgres::boxed(postgres, CachePg::DEFAULT), OnPostgres::boxed(postgres, ByHand::DEFAULT)]
}
