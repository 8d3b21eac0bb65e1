//! Owns the policies that cache_pg is compared with, and their list.
//!
//! Must never favour one: all get the same requests and the same limit.

mod fifo;
mod interface;
mod list;
mod lru;
mod moka;
mod s3_fifo;
mod sieve;
mod sketch;
mod w_tiny_lfu;

pub use fifo::{Clock, Fifo};
pub use interface::{Make, Policy};
pub use lru::Lru;
pub use moka::Moka;
pub use s3_fifo::S3Fifo;
pub use sieve::Sieve;
pub use w_tiny_lfu::WTinyLfu;

/// The policies by name, in the order of the table.
pub const YARDSTICKS: [(&str, Make); 7] = [
    ("FIFO", |limit, keys| Box::new(Fifo::new(limit, keys))),
    ("CLOCK", |limit, keys| Box::new(Clock::new(limit, keys))),
    ("LRU", |limit, keys| Box::new(Lru::new(limit, keys))),
    ("SIEVE", |limit, keys| Box::new(Sieve::new(limit, keys))),
    ("S3-FIFO", |limit, keys| Box::new(S3Fifo::new(limit, keys))),
    ("moka", |limit, _| Box::new(Moka::new(limit))),
    ("W-TinyLFU", |limit, keys| Box::new(WTinyLfu::new(limit, keys))),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace;

    #[test]
    fn no_policy_serves_a_key_that_nobody_stored_and_all_serve_everything_when_everything_fits() {
        let trace = trace::generated("zipf-1.0").unwrap();
        for (name, make) in YARDSTICKS {
            let mut policy = make(trace.weight * 2, trace.distinct);
            let misses = trace.requests[..50_000].iter().filter(|asked| !policy.request(asked.key, asked.weight));
            let mut seen: Vec<u32> = trace.requests[..50_000].iter().map(|asked| asked.key).collect();
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(misses.count(), seen.len(), "{name}");
        }
    }
}
