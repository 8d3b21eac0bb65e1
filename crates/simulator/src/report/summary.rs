//! Owns the figures that sum up the outcomes of one contender.
//!
//! Must never leave a cell out.

use crate::run::Outcome;

/// The places of LRU, moka and W-TinyLFU among the yardsticks.
pub const LRU: usize = 2;
const MOKA: usize = 5;
const W_TINY_LFU: usize = 6;
/// By how many points a cell must be under LRU to count. Evicting to 99 % of the limit alone makes a smaller
/// difference.
const CLEARLY: f64 = 0.5;

/// The outcomes of one contender in a few figures.
#[derive(Debug, Default)]
pub struct Summary {
    /// Mean of the hits over all cells, in percent.
    pub mean: f64,
    /// That mean divided by moka's.
    pub of_moka: f64,
    /// That mean divided by W-TinyLFU's.
    pub of_w_tiny_lfu: f64,
    /// Cells that are clearly worse than LRU.
    pub under_lru: usize,
    /// Points above LRU in the worst cell; negative below it.
    pub worst: f64,
    /// Entries that the hand met, for each request.
    pub judged: f64,
}

impl Summary {
    /// The summary of the contender at this place.
    pub fn of(outcomes: &[Vec<Vec<Outcome>>], at: usize) -> Self {
        let rows: Vec<&Vec<Outcome>> = outcomes.iter().flatten().collect();
        if rows.is_empty() {
            return Self::default();
        }
        let mean = |of: &dyn Fn(&Outcome) -> f64, at: usize| {
            rows.iter().map(|row| of(&row[at])).sum::<f64>() / rows.len() as f64
        };
        let hits = |at| mean(&|outcome| outcome.hits, at);
        Self {
            mean: hits(at),
            of_moka: hits(at) / hits(MOKA),
            of_w_tiny_lfu: hits(at) / hits(W_TINY_LFU),
            under_lru: rows.iter().filter(|row| is_under_lru(row, at)).count(),
            worst: rows.iter().map(|row| row[at].hits - row[LRU].hits).fold(f64::INFINITY, f64::min),
            judged: mean(&|outcome| outcome.judged, at),
        }
    }
}

/// Whether a contender is clearly worse than LRU in a cell.
pub fn is_under_lru(row: &[Outcome], at: usize) -> bool {
    row[at].hits < row[LRU].hits - CLEARLY
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::YARDSTICKS;

    #[test]
    fn the_yardsticks_stand_where_they_are_looked_for() {
        assert_eq!([LRU, MOKA, W_TINY_LFU].map(|at| YARDSTICKS[at].0), ["LRU", "moka", "W-TinyLFU"]);
    }

    #[test]
    fn cells_are_compared_with_lru_one_by_one() {
        let row = |hits: f64| {
            let mut row = vec![Outcome { hits: 10.0, judged: 0.0 }; YARDSTICKS.len()];
            row.push(Outcome { hits, judged: 1.0 });
            row
        };
        let summary = Summary::of(&[vec![row(9.0), row(9.6)], vec![row(20.0)]], YARDSTICKS.len());
        assert_eq!((summary.under_lru, summary.worst, summary.judged), (1, -1.0, 1.0));
        assert!((summary.mean - 12.866).abs() < 0.01 && (summary.of_moka - 1.2866).abs() < 0.001);
    }
}
