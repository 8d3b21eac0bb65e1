//! Owns which replays are compared: each trace and ttl with nothing, with refresh ahead, with each rule beside refresh
//! ahead, and with what knows more than a rule can.
//!
//! Must never let one replay affect another.

use super::replay::{Ahead, Outcome, replay};
use super::rule::{Blind, Hindsight, History, Oracle, RULES};
use crate::timed::{Timed, WEEK};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// The minutes for which an entry lives.
pub const TTLS: [u32; 4] = [5, 15, 30, 60];
/// Bounds that know more than a rule can, in the order of the table.
pub const BOUNDS: [&str; 3] = ["unbounded", "timetable", "oracle"];

/// The outcomes for one trace and ttl.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    /// With nothing but misses.
    pub nothing: Outcome,
    /// With refresh ahead alone.
    pub refresh: Outcome,
    /// With refresh ahead and each of the rules, then each of the bounds.
    pub foreseen: Vec<Outcome>,
}

impl Cell {
    /// The share of the cold misses of refresh ahead alone that one of `foreseen` avoids.
    pub fn avoided(&self, at: usize) -> f64 {
        1.0 - self.foreseen[at].cold as f64 / self.refresh.cold.max(1) as f64
    }
}

/// The cell of a trace and a ttl.
pub fn cell(trace: &Timed, ttl: u32) -> Cell {
    let mut blind = Blind::new(trace.keys);
    let nothing = replay(trace, ttl, Ahead::Nothing, &mut Blind::new(trace.keys));
    let refresh = replay(trace, ttl, Ahead::Refresh, &mut blind);
    let with = |rule: &mut dyn super::rule::Rule| replay(trace, ttl, Ahead::Refresh, rule);
    let mut foreseen: Vec<Outcome> = RULES.iter().map(|(_, make)| with(&mut *make(ttl, &trace.namespaces))).collect();
    let demands = trace.demands.iter().map(|demand| (demand.second / 60, demand.key));
    foreseen.extend([
        with(&mut History::new(ttl, &blind.misses)),
        with(&mut Hindsight::new(ttl, trace.minutes().div_ceil(WEEK), &blind.misses)),
        with(&mut Oracle::new(demands, trace.keys)),
    ]);
    Cell { nothing, refresh, foreseen }
}

/// The cells of all traces, by trace and then by ttl.
pub fn cells(traces: &[Timed]) -> Vec<Vec<Cell>> {
    let tasks: Vec<(&Timed, u32)> = traces.iter().flat_map(|trace| TTLS.map(|ttl| (trace, ttl))).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let taken = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed)).take_while(|&at| at < tasks.len());
        taken.map(|at| (at, cell(tasks[at].0, tasks[at].1))).collect::<Vec<(usize, Cell)>>()
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut done: Vec<(usize, Cell)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_default()).collect()
    });
    done.sort_by_key(|&(at, _)| at);
    let cells: Vec<Cell> = done.into_iter().map(|(_, cell)| cell).collect();
    cells.chunks(TTLS.len()).map(<[_]>::to_vec).collect()
}
