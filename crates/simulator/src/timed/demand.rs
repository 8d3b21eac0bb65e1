//! Owns the types of a timed trace: its demands in order, and the units of its times.
//!
//! Must never know where a trace comes from.

/// Minutes of a day.
pub const DAY: u32 = 24 * 60;
/// Minutes of a week.
pub const WEEK: u32 = 7 * DAY;

/// A demand for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Demand {
    /// Seconds since the midnight before the trace began.
    pub second: u32,
    /// The key: 0 to [`Timed::keys`] - 1.
    pub key: u32,
}

/// A sequence of demands in the order of their times.
#[derive(Debug, Clone)]
pub struct Timed {
    /// Its name in tables.
    pub name: String,
    /// The demands, in order.
    pub demands: Vec<Demand>,
    /// How many keys there are.
    pub keys: usize,
    /// The namespace of each key.
    pub namespaces: Vec<u8>,
}

impl Timed {
    /// A trace of these demands, in any order. Keys without a namespace belong to namespace 0.
    pub fn new(name: &str, mut demands: Vec<Demand>, mut namespaces: Vec<u8>) -> Self {
        demands.sort_unstable();
        let keys = demands.iter().map(|demand| demand.key as usize + 1).max().unwrap_or(0);
        namespaces.resize(keys, 0);
        Self { name: name.to_owned(), demands, keys, namespaces }
    }

    /// The minutes from its beginning to its end.
    pub fn minutes(&self) -> u32 {
        self.demands.last().map_or(0, |last| last.second / 60 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demands_are_put_in_order_and_keys_counted() {
        let demand = |second, key| Demand { second, key };
        let trace = Timed::new("t", vec![demand(61, 0), demand(3, 4)], vec![1]);
        assert_eq!((trace.demands[0], trace.keys, trace.minutes()), (demand(3, 4), 5, 2));
        assert_eq!(trace.namespaces, [1, 0, 0, 0, 0]);
    }
}
