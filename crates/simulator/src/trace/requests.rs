//! Owns the type of a trace, and how its keys become small numbers.
//!
//! Must never depend on where the requests come from.

use std::collections::HashMap;

/// A request for a key, which is stored after a miss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// The key: 0 to [`Trace::distinct`] - 1, numbered in the order of their first requests.
    pub key: u32,
    /// The weight of the entry: bytes where sizes are known, else 1.
    pub weight: u32,
}

/// A sequence of requests.
#[derive(Debug, Clone)]
pub struct Trace {
    /// Its name in tables.
    pub name: String,
    /// The requests, in order.
    pub requests: Vec<Request>,
    /// How many different keys there are.
    pub distinct: usize,
    /// The weight of one entry of each key together.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_numbered_as_they_appear_and_weighed_once() {
        let trace = Trace::new("t", [(9, 5), (4, 1), (9, 5)]);
        let keys: Vec<u32> = trace.requests.iter().map(|request| request.key).collect();
        assert_eq!((keys, trace.distinct, trace.weight), (vec![0, 1, 0], 2, 6));
    }
}
