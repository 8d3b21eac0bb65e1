//! The checks of `cache_health`.
//!
//! Owns which checks there are, and their order. Must never warn about something that has hardly begun: shares of few
//! events are not judged.
//!
//! | module | what it owns |
//! |---|---|
//! | [`readings`] | what the checks judge, and by what |
//! | [`check`] | one check, and how a value is compared with a threshold |
//! | [`work`], [`space`], [`content`] | the checks |
//! | [`units`] | durations and sizes in words |

mod check;
mod content;
mod readings;
mod space;
mod units;
mod work;

pub use check::{Check, Status};
pub use readings::{ENOUGH, FEW_ENTRIES, FEW_ROWS, Readings, Refreshing, SMALL_FILES, Thresholds};
pub use units::{bytes, time};

/// All checks, always the same ones in the same order.
pub fn checks(now: &Readings, limit: &Thresholds) -> Vec<Check> {
    vec![
        work::preload(now),
        work::worker(now),
        work::hit_ratio(now, limit),
        work::latency(now, limit),
        work::sweep_failures(now),
        work::sweep_lag(now, limit),
        space::expired(now, limit),
        space::dead(now, limit),
        space::bloat(now, limit),
        space::transaction(now, limit),
        content::namespaces(now),
        content::entry_size(now, limit),
        content::unread(now, limit),
        space::wraparound(now, limit),
        space::size(now),
        content::foreign_keys(now),
        space::gauge(now),
        content::missing_columns(now),
        content::unwatched_tables(now),
        work::version(now),
        work::refreshes(now),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const LIMIT: Thresholds = Thresholds {
        hit_ratio: 0.7,
        latency: Duration::from_millis(200),
        sweep_lag: Duration::from_secs(60),
        expired_share: 0.2,
        dead_share: 0.2,
        bloat: 3.0,
        transaction_age: Duration::from_secs(300),
        entry_size: 1000,
        unread_share: 0.9,
        wraparound_age: 1000,
    };

    fn well() -> Readings {
        Readings { is_preloaded: true, has_worker: true, may_sweep: true, ..Readings::default() }
    }

    fn status(name: &str, now: &Readings) -> Status {
        checks(now, &LIMIT).into_iter().find(|check| check.name == name).unwrap().status
    }

    #[test]
    fn a_new_cache_is_well_and_nothing_is_advised() {
        for check in checks(&well(), &LIMIT) {
            assert_eq!((check.status, check.advice), (Status::Ok, None), "{}", check.name);
        }
    }

    #[test]
    fn every_check_can_warn_and_says_what_to_do() {
        let ill = Readings {
            hits: 60,
            misses: 40,
            latency: Some(Duration::from_millis(300)),
            failures: 1,
            last_error: Some("out of memory".into()),
            last_turn: Some(Duration::from_secs(70)),
            entries: Some((7 * FEW_ROWS, 3 * FEW_ROWS)),
            largest: Some(("menu".into(), 2000)),
            unread: Some(("menu".into(), 0.95)),
            uncounted: 1,
            live_rows: 7 * FEW_ROWS,
            dead_rows: 3 * FEW_ROWS,
            files: Some((4 * SMALL_FILES, SMALL_FILES)),
            oldest: Some(("process 7".into(), Duration::from_secs(400))),
            age: 1500,
            fill: Some(1.5),
            references: vec!["key_fkey of public.orders".into()],
            gauge: Some((70_000, 100_000)),
            missing_columns: vec!["id of public.dishes".into()],
            unwatched_tables: vec!["public.dishes_2026".into()],
            versions: ("0.1.0".into(), "0.2.0".into()),
            refreshing: Refreshing { is_used: true, ..Refreshing::default() },
            ..Readings::default()
        };
        for check in checks(&ill, &LIMIT) {
            // These are always critical: each change clears a namespace, a change is not seen, or nothing is refreshed.
            let is_critical = ["missing_columns", "unwatched_tables", "refreshes"].contains(&check.name);
            let expected = if is_critical { Status::Critical } else { Status::Warning };
            assert_eq!(check.status, expected, "{}", check.name);
            assert!(check.advice.is_some_and(|advice| !advice.is_empty()), "{}", check.name);
        }
    }

    #[test]
    fn it_is_critical_far_beyond_the_threshold() {
        let worst = Readings {
            hits: 10,
            misses: 90,
            latency: Some(Duration::from_secs(1)),
            failures: 3,
            last_turn: Some(Duration::from_secs(600)),
            entries: Some((FEW_ROWS, 9 * FEW_ROWS)),
            age: 3000,
            fill: Some(2.1),
            ..well()
        };
        for name in ["hit_ratio", "latency", "sweep_failures", "sweep_lag", "expired_share", "wraparound", "size"] {
            assert_eq!(status(name, &worst), Status::Critical, "{name}");
        }
    }

    #[test]
    fn refreshes_that_cannot_be_are_critical_and_slow_or_failing_ones_a_warning() {
        let works = Refreshing { is_used: true, may_load: true, knows_reads: true, ..Refreshing::default() };
        let of = |refreshing: Refreshing| status("refreshes", &Readings { refreshing, ..well() });
        assert_eq!(of(works.clone()), Status::Ok);
        assert_eq!(of(Refreshing { knows_reads: false, ..works.clone() }), Status::Critical);
        assert_eq!(of(Refreshing { may_load: false, ..works.clone() }), Status::Warning);
        assert_eq!(of(Refreshing { is_used: false, may_load: false, ..works.clone() }), Status::Ok);
        let lacking_loader = vec!["menu".into()];
        assert_eq!(of(Refreshing { lacking_loader, is_used: false, ..works.clone() }), Status::Warning);
        let failing = |failures| of(Refreshing { failing: Some(("menu".into(), failures)), ..works.clone() });
        assert_eq!([failing(1), failing(3)], [Status::Warning, Status::Critical]);
        assert_eq!(of(Refreshing { slow: vec!["menu".into()], ..works.clone() }), Status::Warning);
    }

    #[test]
    fn few_expired_rows_are_never_too_many() {
        let found = |expired| status("expired_share", &Readings { entries: Some((264, expired)), ..well() });
        assert_eq!([found(741), found(FEW_ROWS - 1), found(FEW_ROWS)], [Status::Ok, Status::Ok, Status::Critical]);
    }

    #[test]
    fn few_dead_rows_are_never_too_many() {
        assert_eq!(status("dead_rows", &Readings { dead_rows: FEW_ROWS - 1, live_rows: 1, ..well() }), Status::Ok);
        assert_eq!(status("dead_rows", &Readings { dead_rows: FEW_ROWS, live_rows: 1, ..well() }), Status::Critical);
    }

    #[test]
    fn small_files_are_never_too_large() {
        assert_eq!(status("bloat", &Readings { files: Some((SMALL_FILES - 1, 0)), ..well() }), Status::Ok);
        assert_eq!(status("bloat", &Readings { files: Some((SMALL_FILES, 0)), ..well() }), Status::Critical);
    }

    #[test]
    fn more_than_the_limit_and_its_factor_is_never_well() {
        let held = |fill| Readings { fill: Some(fill), overshoot: 1.05, ..well() };
        for (fill, expected) in [(1.05, Status::Ok), (1.06, Status::Warning), (2.01, Status::Critical)] {
            assert_eq!(status("size", &held(fill)), expected, "{fill}");
        }
        // A larger eviction factor moves the limit of critical.
        assert_eq!(status("size", &Readings { overshoot: 3.0, ..held(2.9) }), Status::Ok);
        assert_eq!(status("size", &Readings { overshoot: 3.0, ..held(3.1) }), Status::Critical);
    }

    #[test]
    fn a_gauge_is_off_by_more_than_a_fifth_of_what_was_counted() {
        let off = |gauge, counted| status("gauge", &Readings { gauge: Some((gauge, counted)), ..well() });
        assert_eq!([off(0, FEW_ENTRIES), off(8_000, 10_000), off(12_000, 10_000)], [Status::Ok; 3]);
        assert_eq!([off(0, FEW_ENTRIES + 1), off(7_999, 10_000), off(12_001, 10_000)], [Status::Warning; 3]);
    }

    #[test]
    fn of_many_missing_columns_a_few_are_named() {
        let missing_columns = (1..=7).map(|n| format!("c{n} of public.t")).collect();
        let all = checks(&Readings { missing_columns, ..well() }, &LIMIT);
        let value = &all.iter().find(|check| check.name == "missing_columns").unwrap().value;
        assert!(value.ends_with("c5 of public.t, and 2 more"), "{value}");
    }

    #[test]
    fn a_share_of_few_says_nothing() {
        assert_eq!(status("hit_ratio", &Readings { misses: ENOUGH - 1, ..well() }), Status::Ok);
        assert_eq!(status("hit_ratio", &Readings { misses: ENOUGH, ..well() }), Status::Critical);
    }
}
