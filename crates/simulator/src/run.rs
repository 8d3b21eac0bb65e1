//! Owns replays: how large the caches are, how a trace goes through a policy, and how threads share the work.
//!
//! Must never let one replay affect another.

use crate::heap::{Heap, Parts};
use crate::policy::{Make, Policy};
use crate::trace::Trace;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// The sizes of the caches, in percent of the weight of all keys of the trace.
pub const SIZES: [u64; 4] = [1, 5, 10, 25];

/// A policy to replay.
#[derive(Debug, Clone, Copy)]
pub enum Contender {
    /// A policy to compare with.
    Yardstick(Make),
    /// The policy of cache_pg, or a part of it.
    Ours(Parts),
}

/// The result of a replay.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Outcome {
    /// Hits in percent of the requests.
    pub hits: f64,
    /// Entries that the hand of cache_pg judged, for each request. 0 for other policies.
    pub judged: f64,
}

/// The limit of a cache of `percent` of a trace.
pub fn limit(trace: &Trace, percent: u64) -> u64 {
    (trace.weight * percent / 100).max(1)
}

/// Replays a trace through a cache with this `limit`.
pub fn replay(trace: &Trace, contender: Contender, limit: u64) -> Outcome {
    match contender {
        Contender::Yardstick(make) => Outcome { hits: hits(trace, &mut *make(limit, trace.distinct)), judged: 0.0 },
        Contender::Ours(parts) => {
            let entries = (limit * trace.distinct as u64).div_ceil(trace.weight.max(1));
            let mut heap = Heap::new(parts, limit, entries, trace.distinct);
            let hits = hits(trace, &mut heap);
            Outcome { hits, judged: heap.judged() as f64 / trace.requests.len().max(1) as f64 }
        }
    }
}

fn hits(trace: &Trace, policy: &mut dyn Policy) -> f64 {
    let hits = trace.requests.iter().filter(|asked| policy.request(asked.key, asked.weight)).count();
    hits as f64 * 100.0 / trace.requests.len().max(1) as f64
}

/// Replays every trace in every size through every contender: outcomes by trace, then size, then contender.
pub fn replay_all(traces: &[Trace], contenders: &[Contender]) -> Vec<Vec<Vec<Outcome>>> {
    let cells: Vec<(&Trace, u64)> =
        traces.iter().flat_map(|trace| SIZES.map(|percent| (trace, limit(trace, percent)))).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let taken = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed)).take_while(|&at| at < cells.len());
        let row = |at: usize| {
            let (trace, limit) = cells[at];
            (at, contenders.iter().map(|&contender| replay(trace, contender, limit)).collect())
        };
        taken.map(row).collect::<Vec<(usize, Vec<Outcome>)>>()
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut rows: Vec<(usize, Vec<Outcome>)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_default()).collect()
    });
    rows.sort_by_key(|&(at, _)| at);
    let rows: Vec<Vec<Outcome>> = rows.into_iter().map(|(_, row)| row).collect();
    rows.chunks(SIZES.len()).map(<[_]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{policy::YARDSTICKS, trace};

    #[test]
    fn outcomes_stand_in_the_order_of_traces_sizes_and_contenders() {
        let small = Trace::new("small", trace::zipf(1, 1.0, 1_000, 5_000).into_iter().map(|key| (key, 1)));
        let once = Trace::new("once", (0..1_000).map(|key| (key, 1)));
        let contenders = [Contender::Yardstick(YARDSTICKS[0].1), Contender::Ours(Parts::ALL)];
        let outcomes = replay_all(&[small.clone(), once], &contenders);
        assert_eq!((outcomes.len(), outcomes[0].len(), outcomes[0][0].len()), (2, SIZES.len(), 2));
        assert_eq!(outcomes[0][2][1], replay(&small, contenders[1], limit(&small, 10)));
        assert!(outcomes[0][3][0].hits > outcomes[0][0][0].hits);
        assert!(outcomes[1].iter().flatten().all(|outcome| outcome.hits == 0.0));
    }

    #[test]
    fn ours_is_better_than_lru_and_not_far_from_tiny_lfu_where_popularity_is_steady() {
        let trace = Trace::new("zipf", trace::zipf(1, 0.9, 5_000, 50_000).into_iter().map(|key| (key, 1)));
        let (mut ours, mut theirs) = (0.0, 0.0);
        for percent in SIZES {
            let limit = limit(&trace, percent);
            let yardstick = |name: &str| {
                let make = YARDSTICKS.iter().find(|(found, _)| *found == name).unwrap().1;
                replay(&trace, Contender::Yardstick(make), limit).hits
            };
            let hits = replay(&trace, Contender::Ours(Parts::ALL), limit).hits;
            assert!(hits > yardstick("LRU"), "{percent} %: {hits}");
            ours += hits;
            theirs += yardstick("moka");
        }
        assert!(ours > 0.93 * theirs, "{ours} {theirs}");
    }
}
