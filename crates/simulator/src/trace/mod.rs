//! Traces: sequences of requests for keys.
//!
//! Owns what a trace is, how its keys become small numbers, and which generated traces there are by name. Must never
//! depend on anything but its arguments: the same name gives the same trace on every machine.

mod chance;
mod file;
mod generate;

pub use chance::mix;
pub use file::read;
pub use generate::{large_and_small, looped, scan_into_zipf, shifting, zipf};

use std::collections::HashMap;

/// A request for a key, which is stored when it is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// The key: 0 to [`Trace::distinct`] - 1, numbered in the order in which they are first asked for.
    pub key: u32,
    /// What the entry weighs: bytes where sizes are known, else 1.
    pub weight: u32,
}

/// A sequence of requests.
#[derive(Debug, Clone)]
pub struct Trace {
    /// What it is called in tables.
    pub name: String,
    /// The requests, in order.
    pub requests: Vec<Request>,
    /// How many different keys there are.
    pub distinct: usize,
    /// What one entry of each key weighs together.
    pub weight: u64,
}

impl Trace {
    /// A trace of these keys and weights.
    pub fn new(name: &str, requests: impl IntoIterator<Item = (u64, u32)>) -> Self {
        let mut numbers = HashMap::new();
        let mut weight = 0;
        let requests = requests
            .into_iter()
            .map(|(key, heavy)| {
                let next = numbers.len() as u32;
                let key = *numbers.entry(key).or_insert(next);
                if key == next {
                    weight += u64::from(heavy);
                }
                Request { key, weight: heavy }
            })
            .collect();
        Self { name: name.to_owned(), requests, distinct: numbers.len(), weight }
    }
}

/// The generated traces that every table has.
pub const GENERATED: [&str; 8] =
    ["zipf-0.8", "zipf-1.0", "zipf-scan", "scan-bursts", "loop", "loop-zipf", "shifting", "sizes"];

/// A generated trace by its name; None: there is no such trace.
pub fn generated(name: &str) -> Option<Trace> {
    let keys: Vec<u64> = match name {
        "zipf-0.8" => zipf(1, 0.8, 50_000, 400_000),
        "zipf-1.0" => zipf(2, 1.0, 50_000, 400_000),
        "zipf-scan" => scan_into_zipf(3, 0.9, 20_000, 400_000, 3, 1),
        "scan-bursts" => scan_into_zipf(4, 0.9, 20_000, 400_000, 20_000, 10_000),
        "loop" => looped(10_000, 200_000),
        "loop-zipf" => {
            let mixed = zipf(5, 1.0, 20_000, 200_000).into_iter().zip(looped(10_000, 200_000));
            mixed.flat_map(|(popular, looped)| [popular, looped + 1_000_000]).collect()
        }
        "shifting" => shifting(6, 0.9, 20_000, 400_000, 40_000),
        "sizes" => {
            let sized = zipf(7, 0.9, 30_000, 400_000).into_iter().map(|key| (key, large_and_small(key)));
            return Some(Trace::new(name, sized));
        }
        _ => return None,
    };
    Some(Trace::new(name, keys.into_iter().map(|key| (key, 1))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_gives_a_trace_and_the_same_one_each_time() {
        for name in GENERATED {
            let (one, other) = (generated(name).unwrap(), generated(name).unwrap());
            assert_eq!(one.requests, other.requests, "{name}");
            assert!(one.distinct >= 10_000 && one.requests.len() >= 200_000, "{name}");
        }
        assert!(generated("nothing").is_none());
    }

    #[test]
    fn keys_are_numbered_as_they_appear_and_weighed_once() {
        let trace = Trace::new("t", [(9, 5), (4, 1), (9, 5)]);
        let keys: Vec<u32> = trace.requests.iter().map(|request| request.key).collect();
        assert_eq!((keys, trace.distinct, trace.weight), (vec![0, 1, 0], 2, 6));
    }
}
