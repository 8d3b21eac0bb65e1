//! Owns the habits of people from which timed traces are made: when they begin, how much they ask for, how they vary.
//!
//! Must never use another source of randomness than the seed.

use super::demand::{DAY, Demand};
use crate::trace::Random;

/// How many weeks a generated trace has.
pub const WEEKS: u32 = 6;
const DAYS: u32 = WEEKS * 7;

/// The demand of a group of keys that are asked for from some time of the day on.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// The minute of the day at which the first keys begin.
    pub from: f64,
    /// The minutes over which the times of the keys are spread evenly.
    pub spread: f64,
    /// The standard deviation in minutes by which a key begins earlier or later from day to day.
    pub jitter: f64,
    /// For how many minutes a key is asked for.
    pub lasts: f64,
    /// The share of days on which a key is not asked for at all.
    pub absent: f64,
    /// On which days of the week, from Monday on.
    pub days: [bool; 7],
    /// Demands of a day for all keys, on average.
    pub demands: f64,
    /// The exponent of Zipf's law, by which the keys share them.
    pub skew: f64,
    /// The share of the demands at any time of the day, on any day.
    pub stray: f64,
    /// From this day on all is an hour earlier by the clock of the server.
    pub saving_from: u32,
}

/// The demands for keys `first` to `first + keys - 1`.
pub fn shaped(random: &mut Random, shape: &Shape, first: u32, keys: u32) -> Vec<Demand> {
    let weight = |rank: u32| f64::from(rank + 1).powf(-shape.skew);
    let whole: f64 = (0..keys).map(weight).sum();
    let mut demands = Vec::new();
    for rank in 0..keys {
        let begins = shape.from + shape.spread * random.fraction();
        let a_day = shape.demands * weight(rank) / whole;
        for day in 0..DAYS {
            let midnight = f64::from(day * DAY);
            let saving = if day >= shape.saving_from { 60.0 } else { 0.0 };
            let from = midnight + begins + shape.jitter * normal(random) - saving;
            if shape.days[day as usize % 7] && random.fraction() >= shape.absent {
                poisson(random, a_day * (1.0 - shape.stray), from, shape.lasts, first + rank, &mut demands);
            }
            poisson(random, a_day * shape.stray, midnight, f64::from(DAY), first + rank, &mut demands);
        }
    }
    demands
}

/// Demands for keys by Zipf's law at any time. `tide` is by how much of the mean the rate rises and falls over the day.
pub fn without_times(random: &mut Random, skew: f64, a_day: f64, tide: f64, first: u32, keys: u32) -> Vec<Demand> {
    let weight = |rank: u32| f64::from(rank + 1).powf(-skew);
    let whole: f64 = (0..keys).map(weight).sum();
    let mut demands = Vec::new();
    for rank in 0..keys {
        let most = a_day * weight(rank) / whole * (1.0 + tide);
        let begun = demands.len();
        poisson(random, most * f64::from(DAYS), 0.0, f64::from(DAYS * DAY), first + rank, &mut demands);
        let mut kept = begun;
        for at in begun..demands.len() {
            let turn = f64::from(demands[at].second) / 86_400.0 * std::f64::consts::TAU;
            if random.fraction() * (1.0 + tide) < 1.0 - tide * turn.cos() {
                demands.swap(kept, at);
                kept += 1;
            }
        }
        demands.truncate(kept);
    }
    demands
}

/// About `mean` demands for a key within `lasts` minutes.
fn poisson(random: &mut Random, mean: f64, from: f64, lasts: f64, key: u32, demands: &mut Vec<Demand>) {
    if mean <= 0.0 {
        return;
    }
    let mut at = 0.0;
    loop {
        at -= (1.0 - random.fraction()).ln() * lasts / mean;
        if at >= lasts {
            return;
        }
        let second = (from + at) * 60.0;
        if second >= 0.0 {
            demands.push(Demand { second: second as u32, key });
        }
    }
}

/// A number by the normal distribution with deviation 1, as the sum of twelve even ones.
fn normal(random: &mut Random) -> f64 {
    (0..12).map(|_| random.fraction()).sum::<f64>() - 6.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVEN: Shape = Shape {
        from: 600.0,
        spread: 60.0,
        jitter: 0.0,
        lasts: 30.0,
        absent: 0.0,
        days: [true, true, true, true, true, false, false],
        demands: 1_000.0,
        skew: 0.0,
        stray: 0.0,
        saving_from: u32::MAX,
    };

    fn demands(shape: Shape) -> Vec<Demand> {
        shaped(&mut Random::new(1), &shape, 5, 10)
    }

    #[test]
    fn a_shape_is_kept_to() {
        let demands = demands(EVEN);
        assert!((demands.len() as f64 / (f64::from(WEEKS) * 5.0 * 1_000.0) - 1.0).abs() < 0.02);
        for demand in demands {
            let minute = demand.second / 60;
            assert!((600..690).contains(&(minute % DAY)) && minute / DAY % 7 < 5);
            assert!((5..15).contains(&demand.key));
        }
    }

    #[test]
    fn summer_comes_an_hour_earlier_and_absence_takes_days() {
        let early = demands(Shape { saving_from: 10, ..EVEN });
        let from = |demand: &Demand| (demand.second / 60 / DAY >= 10, (540..600).contains(&(demand.second / 60 % DAY)));
        assert!(early.iter().any(|demand| from(demand) == (true, true)));
        assert!(early.iter().all(|demand| from(demand) != (false, true)));
        let half = demands(Shape { absent: 0.5, ..EVEN }).len() as f64 / early.len() as f64;
        assert!((half - 0.5).abs() < 0.1, "{half}");
    }

    #[test]
    fn a_tide_is_highest_at_noon() {
        let demands = without_times(&mut Random::new(1), 0.9, 2_000.0, 0.9, 0, 100);
        let at_noon = demands.iter().filter(|demand| (6..18).contains(&(demand.second / 3_600 % 24))).count() as f64;
        let share = at_noon / demands.len() as f64;
        assert!((share - 0.5 - 0.9 / std::f64::consts::PI).abs() < 0.02, "{share}");
    }
}
