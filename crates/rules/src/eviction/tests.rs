//! Owns the tests of eviction. Must never hold a rule.

use super::*;
use proptest::prelude::*;

const LEVEL: Level = Level(3);
const HERE: Place = Place { byte: 7, tag: 5 };

/// How many meetings an entry survives.
fn survives(mut used: Use, level: Level, cost: Cost) -> usize {
    let verdicts = std::iter::from_fn(|| {
        let (verdict, next) = judge(used, HERE, level, cost);
        used = next;
        (verdict == Verdict::Keep).then_some(())
    });
    verdicts.count()
}

#[test]
fn what_was_never_read_goes_at_the_first_meeting_and_leaves_a_mark() {
    let (verdict, left) = judge(Use::default(), HERE, LEVEL, Cost::EVEN);
    assert_eq!((verdict, left), (Verdict::Evict { in_vain: false }, Use::mark(HERE)));
}

#[test]
fn a_read_is_worth_as_many_meetings_as_the_level_says() {
    for meetings in Level::LEAST.0..=Level::MOST.0 {
        let level = Level(meetings);
        let read = Use::default().touched(level).unwrap();
        assert_eq!(survives(read, level, Cost::EVEN), usize::from(meetings));
    }
}

#[test]
fn a_read_stores_once_between_two_meetings() {
    let read = Use::default().touched(LEVEL).unwrap();
    assert_eq!(read.touched(LEVEL), None);
    let (_, met) = judge(read, HERE, LEVEL, Cost::EVEN);
    assert_eq!(met.touched(LEVEL), Some(read));
}

#[test]
fn what_comes_back_while_its_mark_lives_starts_with_half_the_credit() {
    for (meetings, survived) in [(1, 1), (4, 2), (15, 8)] {
        let back = Use::mark(HERE).written(HERE, Level(meetings)).unwrap();
        assert_eq!(survives(back, Level(meetings), Cost::EVEN), survived);
        assert_eq!(back.written(HERE, LEVEL), None, "the mark is used up");
    }
    assert_eq!(Use::mark(HERE).forgotten().unwrap().written(HERE, LEVEL), None);
}

#[test]
fn the_mark_of_another_key_is_worth_nothing_and_makes_room() {
    let there = Place { tag: 6, ..HERE };
    assert_eq!(Use::mark(there).written(HERE, LEVEL), Some(Use::default()));
    assert_eq!(survives(Use::mark(there), LEVEL, Cost::EVEN), 0);
}

#[test]
fn a_new_entry_takes_no_credit_from_another_key() {
    let read = Use::default().touched(LEVEL).unwrap();
    assert_eq!(read.written(HERE, LEVEL), None);
    assert_eq!(read.forgotten(), None);
}

#[test]
fn what_had_been_read_is_evicted_in_vain_unless_it_paid_for_its_size() {
    let last = |cost| {
        let mut used = Use::default().touched(LEVEL).unwrap();
        loop {
            match judge(used, HERE, LEVEL, cost) {
                (Verdict::Keep, next) => used = next,
                (Verdict::Evict { in_vain }, _) => return in_vain,
            }
        }
    };
    assert_eq!([last(Cost::EVEN), last(Cost(1)), last(Cost(MEETING + 1))], [true, true, false]);
}

#[test]
fn an_entry_of_twice_the_mean_size_stays_half_as_long_and_a_small_one_longer() {
    let level = Level(8);
    let read = Use::default().touched(level).unwrap();
    let survives = |size| survives(read, level, Cost::of(size, 100));
    assert_eq!([survives(100), survives(200), survives(50), survives(10)], [8, 4, 16, 32]);
    assert_eq!(survives(u64::MAX), 0);
    assert_eq!(Cost::of(100, 100), Cost::EVEN);
}

#[test]
fn a_level_that_has_fallen_takes_credit_back() {
    let read = Use::default().touched(Level::MOST).unwrap();
    assert_eq!(survives(read, Level(2), Cost::EVEN), 2);
}

#[test]
fn the_level_rises_while_the_hand_finds_much_to_evict_and_falls_when_credit_is_spent_in_vain() {
    let after = |judged, evicted, in_vain| LEVEL.after(Met { judged, evicted, in_vain }).meetings();
    assert_eq!(after(100, 90, 0), 4);
    assert_eq!(after(100, 9, 0), 2);
    assert_eq!(after(100, 90, 50), 2);
    assert_eq!(after(0, 0, 0), 2);
}

#[test]
fn keys_are_spread_over_the_array_and_its_tags_whatever_the_hash() {
    for shift in [0, 20, 40] {
        let mut seen: Vec<(usize, u8)> = (0..1_000_u64)
            .map(|key| Place::of(key << shift, 4_096))
            .map(|place| (place.byte, Use::mark(place).bits()))
            .collect();
        seen.sort_unstable();
        seen.dedup();
        assert!(seen.len() > 995, "{}", seen.len());
        seen.dedup_by_key(|&mut (byte, _)| byte);
        assert!((850..920).contains(&seen.len()), "{}", seen.len());
    }
}

#[test]
fn after_four_turns_that_were_not_enough_the_hand_evicts_what_it_meets_though_all_is_read() {
    let little = Met { judged: 1_000, evicted: 9, in_vain: 0 };
    let level = (0..4).fold(Level::MOST, |level, _| level.after_turn(little, 1_000));
    let read = Use::default().touched(Level::MOST).unwrap();
    assert_eq!(survives(read, level, Cost::EVEN), 0);
    let met = Met { judged: 9, evicted: 9, in_vain: 9 };
    assert_eq!(level.after(met), Level::LEAST);
}

#[test]
fn turns_that_evict_much_while_writers_add_as_much_take_no_credit_away() {
    let after = |level, evicted| Level(level).after_turn(Met { judged: 1_000, evicted, in_vain: 0 }, 1_000).meetings();
    assert_eq!([after(3, 101), after(0, 101)], [3, 1]);
    assert_eq!([after(3, 100), after(1, 10), after(0, 10)], [1, 1, 1]);
    let evicted = |evicted| Met { evicted, ..Met::default() };
    assert_eq!([9, 10].map(|count| evicted(count).is_batch(1_000)), [false, true]);
    assert_eq!([0, 1].map(|count| evicted(count).is_batch(0)), [false, true]);
}

#[test]
fn the_hand_stops_under_the_low_water_mark_and_always_evicts_one() {
    assert_eq!([low_water(0), low_water(1), low_water(10), low_water(1_000_000)], [0, 0, 9, 990_000]);
}

#[test]
fn all_marks_are_taken_while_half_as_many_more_entries_go_as_there_are() {
    assert_eq!(to_forget(1_000, 40_000, 600_000), 10_000);
    assert_eq!((to_forget(10, 0, 64), to_forget(0, 10, 64)), (64, 0));
}

proptest! {
    #[test]
    fn every_byte_is_evicted_in_the_end_if_nobody_reads_it(bits: u8, level in 0_u8.., size: u64, mean: u64) {
        let level = Level::from_meetings(level);
        prop_assert!(survives(Use::from_bits(bits), level, Cost::of(size, mean)) <= usize::from(Level::MOST.credit()));
    }

    #[test]
    fn after_a_read_the_next_read_stores_nothing_and_the_credit_is_full(bits: u8, level in 0_u8..) {
        let level = Level::from_meetings(level);
        let used = Use::from_bits(bits);
        let read = used.touched(level).unwrap_or(used);
        prop_assert_eq!(read.touched(level), None);
        prop_assert_eq!(survives(read, level, Cost::EVEN), usize::from(level.meetings()));
    }

    #[test]
    fn the_level_stays_within_its_bounds(level: u8, judged: u32, evicted: u32, in_vain: u32) {
        let met = Met { judged: judged.into(), evicted: evicted.into(), in_vain: in_vain.into() };
        let after = Level::from_meetings(level).after(met).meetings();
        prop_assert!((Level::LEAST.meetings()..=Level::MOST.meetings()).contains(&after));
    }

    #[test]
    fn every_key_has_a_place_in_the_array(hash: u64, bytes in 1_usize..1 << 40) {
        prop_assert!(Place::of(hash, bytes).byte < bytes);
    }

    #[test]
    fn the_low_water_mark_lies_under_the_limit(limit in 1_u64..) {
        prop_assert!(low_water(limit) < limit);
    }
}

#[test]
fn a_read_is_told_from_those_before_a_store() {
    for level in (0..=15).map(Level::from_meetings) {
        let read = Use::default().touched(level).expect("a first read");
        assert!(read.is_read(level) && !Use::default().is_read(level));
        let stored = read.unread(level).expect("a store after a read");
        assert!(!stored.is_read(level) && stored.unread(level).is_none());
        // The next read gives the full credit again, and counts once.
        assert_eq!(stored.touched(level), Some(read));
        assert!(!Use::mark(Place::of(7, 1)).is_read(level), "an evicted key was not read");
    }
}

#[test]
fn of_two_bytes_the_higher_credit_stays_and_then_a_mark() {
    let [none, low, high] = [Use(0), Use(5), Use(9)];
    let mark = Use::mark(HERE);
    for (one, other, merged) in [(none, none, none), (low, high, high), (mark, low, low), (none, mark, mark)] {
        assert_eq!((one.merged(other), other.merged(one)), (merged, merged));
    }
}
