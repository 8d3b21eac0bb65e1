//! Owns the generated timed traces by name.
//!
//! Must never be changed to suit a rule.

use super::demand::{Demand, Timed};
use super::shape::{Shape, WEEKS, shaped as shape, without_times};
use crate::trace::Random;

/// The generated traces in every table.
pub const SHAPES: [&str; 6] = ["daily", "weekly", "noisy", "saving", "tide", "even"];
/// How many of them, from the first on, have keys with habits of their own: the decision rests on these.
pub const PATTERNED: usize = 4;

const NEVER: u32 = u32::MAX;
const WEEKDAYS: [bool; 7] = [true, true, true, true, true, false, false];

/// Menus that are asked for before noon, each at its own time, every day.
const MENUS: Shape = Shape {
    from: 600.0,
    spread: 120.0,
    jitter: 10.0,
    lasts: 90.0,
    absent: 0.0,
    days: [true; 7],
    demands: 30_000.0,
    skew: 0.8,
    stray: 0.05,
    saving_from: NEVER,
};
/// Permissions that are asked for in the first hour of a shift, on weekdays.
const SHIFT: Shape = Shape {
    spread: 20.0,
    jitter: 5.0,
    lasts: 60.0,
    absent: 0.05,
    days: WEEKDAYS,
    demands: 10_000.0,
    skew: 0.6,
    ..MENUS
};
/// The minutes of the day at which shifts begin.
const SHIFTS: [f64; 4] = [350.0, 470.0, 830.0, 1_310.0];

/// A generated trace by its name; None: there is no such trace. The first day is a Monday.
pub fn shaped(name: &str, seed: u64) -> Option<Timed> {
    let random = &mut Random::new(seed);
    let (demands, namespaces) = match name {
        "daily" => (shape(random, &MENUS, 0, 1_500), Vec::new()),
        "weekly" => shifts(random, SHIFT),
        "noisy" => {
            let (mut demands, mut namespaces) = shifts(random, Shape { jitter: 20.0, absent: 0.3, ..SHIFT });
            let menus = Shape { jitter: 30.0, absent: 0.3, stray: 0.2, ..MENUS };
            let first = namespaces.len() as u32;
            demands.extend(shape(random, &menus, first, 1_500));
            demands.extend(without_times(random, 0.9, 10_000.0, 0.0, first + 1_500, 2_500));
            namespaces.resize(namespaces.len() + 1_500, 4);
            namespaces.resize(namespaces.len() + 2_500, 5);
            (demands, namespaces)
        }
        "saving" => {
            let saving_from = WEEKS * 7 / 2 - 1;
            let (mut demands, mut namespaces) = shifts(random, Shape { saving_from, ..SHIFT });
            let first = namespaces.len() as u32;
            demands.extend(shape(random, &Shape { saving_from, ..MENUS }, first, 1_500));
            namespaces.resize(namespaces.len() + 1_500, 4);
            (demands, namespaces)
        }
        "tide" => (without_times(random, 0.9, 30_000.0, 0.9, 0, 5_000), Vec::new()),
        "even" => (without_times(random, 0.9, 30_000.0, 0.0, 0, 5_000), Vec::new()),
        _ => return None,
    };
    Some(Timed::new(name, demands, namespaces))
}

/// The shifts of 3,000 people, and a namespace for each shift.
fn shifts(random: &mut Random, of: Shape) -> (Vec<Demand>, Vec<u8>) {
    const PEOPLE: u32 = 375;
    let groups = SHIFTS.into_iter().zip(0_u8..);
    let demands =
        groups.flat_map(|(from, shift)| shape(random, &Shape { from, ..of }, PEOPLE * u32::from(shift), PEOPLE));
    let demands = demands.collect();
    (demands, (0..SHIFTS.len() as u8).flat_map(|shift| [shift; PEOPLE as usize]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_a_seed_give_the_same_trace_and_another_seed_another() {
        for name in ["daily", "tide"] {
            let trace = shaped(name, 1).unwrap();
            assert_eq!(trace.demands, shaped(name, 1).unwrap().demands, "{name}");
            assert_ne!(trace.demands, shaped(name, 2).unwrap().demands, "{name}");
            assert!(trace.minutes() > (WEEKS * 7 - 1) * super::super::DAY && trace.demands.len() > 1_000_000);
        }
        assert!(shaped("nothing", 1).is_none());
    }

    #[test]
    fn every_key_has_its_namespace() {
        let trace = shaped("noisy", 1).unwrap();
        assert_eq!((trace.namespaces[0], trace.namespaces[1_499]), (0, 3));
        assert_eq!((trace.namespaces[1_500], trace.namespaces[3_000]), (4, 5));
    }
}
