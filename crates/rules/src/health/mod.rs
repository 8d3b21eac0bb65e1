//! What is well with a cache, and what is not.
//!
//! Owns the checks of `cache_health`: from what was read off to a status, in words that an operator can act on. Must
//! never warn of what has hardly begun: shares of few are no shares.

mod checks;
mod units;

pub use checks::checks;
pub use units::{bytes, time};

use std::fmt;
use std::time::Duration;

/// So many must have been counted before a share of them says something.
pub const ENOUGH: u64 = 100;

/// Files of fewer bytes than this are never too large.
pub const SMALL_FILES: u64 = 16 << 20;

/// A gauge that is off by fewer entries than these is good enough.
pub const FEW_ENTRIES: u64 = 1_000;

/// Fewer rows that are dead, or whose time is over, than these are never too many.
pub const FEW_ROWS: u64 = 10_000;

/// From where on something is worth a warning.
#[derive(Debug, Clone, Copy)]
pub struct Thresholds {
    /// The lowest share of hits among reads.
    pub hit_ratio: f64,
    /// The longest that 99 % of gets may take.
    pub latency: Duration,
    /// The longest time between two turns of the hand.
    pub sweep_lag: Duration,
    /// The largest share of rows whose time is over.
    pub expired_share: f64,
    /// The largest share of dead rows in the table.
    pub dead_share: f64,
    /// The largest files, in times of what they hold.
    pub bloat: f64,
    /// The longest time that a transaction may keep dead rows.
    pub transaction_age: Duration,
    /// The largest entry, in bytes.
    pub entry_size: u64,
    /// The largest share of values that are never read.
    pub unread_share: f64,
    /// The largest age of the tables, in transactions.
    pub wraparound_age: u64,
}

/// What was read off.
#[derive(Debug, Clone, Default)]
pub struct Readings {
    /// Whether the library was preloaded. Otherwise the next ones are unknown.
    pub is_preloaded: bool,
    /// Whether the launcher runs,
    pub has_worker: bool,
    /// and may start sweepers (`cache_pg.max_workers`).
    pub may_sweep: bool,
    /// Reads that found something,
    pub hits: u64,
    /// and nothing.
    pub misses: u64,
    /// What 99 % of gets do not exceed.
    pub latency: Option<Duration>,
    /// Failures of the hand in a row,
    pub failures: u32,
    /// and the last one.
    pub last_error: Option<String>,
    /// How long ago the last turn ended, or is overdue since the server started.
    pub last_turn: Option<Duration>,
    /// Live entries, and rows whose time is over, as the hand has counted them.
    pub entries: Option<(u64, u64)>,
    /// The namespace of the largest entry, and its bytes.
    pub largest: Option<(String, u64)>,
    /// The namespace most of whose values are never read, and the least share of them that was not.
    pub unread: Option<(String, f64)>,
    /// How many reads and writes were not counted by namespace, for want of room.
    pub uncounted: u64,
    /// Foreign keys that point at entries, each with its table.
    pub references: Vec<String>,
    /// Columns that templates of watched tables name and that are not there, or have no text, each with its table.
    pub missing_columns: Vec<String>,
    /// Watched tables, and tables below these, of which not every change is seen.
    pub unwatched_tables: Vec<String>,
    /// Rows in the table that are visible to somebody,
    pub live_rows: u64,
    /// and those that vacuum may remove.
    pub dead_rows: u64,
    /// The bytes of the table with its indexes and TOAST table, and of the rows in it as the hand has counted them.
    pub files: Option<(u64, u64)>,
    /// Who holds vacuum back, and since when.
    pub oldest: Option<(String, Duration)>,
    /// The age of the oldest table, in transactions.
    pub age: u64,
    /// The limits, and what is held of them: in words.
    pub room: String,
    /// How many times the tighter limit is held.
    pub fill: Option<f64>,
    /// How many times the limit may be held for a moment.
    pub overshoot: f64,
    /// What the gauge said at the end of the last whole turn, and what that had counted, in entries.
    pub gauge: Option<(u64, u64)>,
}

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Nothing to do.
    Ok,
    /// Something to look at.
    Warning,
    /// Something to mend.
    Critical,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Critical => "critical",
        })
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// What.
    pub name: &'static str,
    /// How it is.
    pub status: Status,
    /// What was read off, with its unit.
    pub value: String,
    /// From where on it is worth a warning, with its unit.
    pub threshold: String,
    /// What to do; None where all is well.
    pub advice: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

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
            ..Readings::default()
        };
        for check in checks(&ill, &LIMIT) {
            // They are never less than critical: a namespace is lost at each change, or a change is not seen.
            let is_critical = ["missing_columns", "unwatched_tables"].contains(&check.name);
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
    fn few_rows_whose_time_is_over_are_never_too_many() {
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
        // Where writers may go beyond that, it is critical beyond what they may.
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
