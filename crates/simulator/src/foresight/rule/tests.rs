//! Tests that hold for every rule: what each needs to foresee a key, and what it does with one that has no time.

use super::*;
use crate::foresight::replay::{Ahead, Outcome, replay};
use crate::timed::{DAY, Demand, Timed};

/// The first weekday in the test's trace is a Monday. One reader loads, another reads a minute later.
fn regular(days: impl Iterator<Item = u32>) -> Timed {
    let at =
        |day: u32, key: u32| [0, 60].map(|later| Demand { second: (day * DAY + 9 * 60 + 20 + key) * 60 + later, key });
    Timed::new("regular", days.flat_map(|day| (0..8).flat_map(move |key| at(day, key))).collect(), Vec::new())
}

fn outcomes(trace: &Timed, ttl: u32) -> Vec<(&'static str, Outcome)> {
    let outcome = |make: Make| replay(trace, ttl, Ahead::Nothing, &mut *make(ttl, &trace.namespaces));
    RULES.iter().map(|(name, make)| (*name, outcome(*make))).collect()
}

#[test]
fn every_rule_foresees_what_comes_at_the_same_time_every_day() {
    for (name, outcome) in outcomes(&regular(0..42), 60) {
        assert_eq!((outcome.first, outcome.useful + outcome.cold), (8, 8 * 41), "{name}: {outcome:?}");
        assert!(outcome.useful >= 8 * 20, "{name}: {outcome:?}");
        assert!(outcome.useless * 2 < outcome.useful, "{name}: {outcome:?}");
    }
}

#[test]
fn every_rule_but_the_simplest_learns_that_nobody_comes_on_sundays() {
    for (name, outcome) in outcomes(&regular((0..84).filter(|day| day % 7 != 6)), 60) {
        let most = if name == "yesterday" || name == "votes" { 8 * 12 } else { 8 * 3 };
        assert!(outcome.useless <= most, "{name}: {outcome:?}");
    }
}

#[test]
fn the_oracle_avoids_every_miss_and_hindsight_needs_the_weeks() {
    let trace = regular(0..42);
    let mut blind = Blind::new(trace.keys);
    let nothing = replay(&trace, 60, Ahead::Nothing, &mut blind);
    assert_eq!((nothing.cold, nothing.useful, nothing.loads()), (8 * 41, 0, 8 * 42));
    let demands = trace.demands.iter().map(|demand| (demand.second / 60, demand.key));
    let known = replay(&trace, 60, Ahead::Nothing, &mut Oracle::new(demands, trace.keys));
    assert_eq!((known.cold, known.useless), (0, 0));
    let timetable = replay(&trace, 60, Ahead::Nothing, &mut Hindsight::new(60, 6, &blind.misses));
    assert_eq!((timetable.first, timetable.cold, timetable.useless), (0, 0, 0));
    let history = replay(&trace, 60, Ahead::Nothing, &mut History::new(60, &blind.misses));
    assert_eq!((history.cold, history.useless), (8, 0));
}
