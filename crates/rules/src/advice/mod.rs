//! What to change, from what was seen.
//!
//! Owns the recommendations of `cache_advice`: each with the figures behind it and, where there is one, the statement
//! that carries it out. Must never advise from few: [`crate::health::ENOUGH`] of a kind, or nothing.

mod rules;

pub use rules::advice;

use std::time::Duration;

/// What a namespace has done, and how it is configured.
#[derive(Debug, Clone, Default)]
pub struct Namespace {
    /// Its name.
    pub name: String,
    /// Reads that found something,
    pub hits: u64,
    /// and nothing.
    pub misses: u64,
    /// Values written, blindly or after they were computed,
    pub written: u64,
    /// and refused because they could have been stale.
    pub refused: u64,
    /// Values computed, and how long that took in all.
    pub loads: u64,
    /// As above.
    pub load_time: Duration,
    /// Callers that waited for somebody else to compute a value.
    pub waits: u64,
    /// Values removed when their time was over.
    pub expired: u64,
    /// Whether it serves values past their deadline while one caller computes a new one.
    pub has_grace: bool,
    /// Its time to live.
    pub ttl: Duration,
    /// What a limit of its own has cost.
    pub room: Room,
}

/// What the limit on the size has cost.
#[derive(Debug, Clone, Default)]
pub struct Room {
    /// Reads that found something,
    pub hits: u64,
    /// and nothing,
    pub misses: u64,
    /// of which so many would have been hits of a cache of twice the size.
    pub spared: u64,
    /// Entries evicted.
    pub evicted: u64,
    /// The limit in entries, if there is one,
    pub max_entries: Option<u64>,
    /// and in bytes.
    pub max_size: Option<u64>,
}

/// The rest of what was seen.
#[derive(Debug, Clone, Default)]
pub struct Server {
    /// Whether the library was preloaded, and what else is.
    pub is_preloaded: bool,
    /// `shared_preload_libraries` as it is.
    pub preloaded: String,
    /// Operations that were not counted by namespace, and how many namespaces may be.
    pub uncounted: u64,
    /// As above.
    pub track_namespaces: u64,
    /// Whether sets wait for the disk although they need not.
    pub waits_for_disk: bool,
    /// Values written.
    pub written: u64,
    /// What the limit of the whole cache has cost those that have none of their own.
    pub room: Room,
}

/// One recommendation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// The namespace; None: the whole cache.
    pub namespace: Option<String>,
    /// What to do.
    pub advice: String,
    /// The figures behind it.
    pub because: String,
    /// How; None where it is for the application.
    pub statement: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::ENOUGH;

    fn well() -> Server {
        Server { is_preloaded: true, ..Server::default() }
    }

    fn advised(it: Namespace) -> Vec<Option<String>> {
        advice(&well(), &[it]).into_iter().map(|advice| advice.statement).collect()
    }

    #[test]
    fn a_cache_that_is_well_gets_no_advice() {
        let good = Namespace { hits: 10_000, misses: 100, written: 100, expired: 100, ..Namespace::default() };
        assert_eq!(advised(good), []);
        assert_eq!(advised(Namespace::default()), []);
    }

    #[test]
    fn the_server_is_told_what_is_missing() {
        let server = Server {
            preloaded: "pg_cron".into(),
            uncounted: 5,
            track_namespaces: 1000,
            waits_for_disk: true,
            written: ENOUGH,
            ..Server::default()
        };
        let statements: Vec<_> = advice(&server, &[]).into_iter().filter_map(|advice| advice.statement).collect();
        assert_eq!(
            statements,
            [
                "ALTER SYSTEM SET shared_preload_libraries = pg_cron, cache_pg",
                "ALTER SYSTEM SET cache_pg.track_namespaces = 4000",
                "ALTER SYSTEM SET cache_pg.async_commit = on"
            ]
        );
    }

    #[test]
    fn a_cache_that_evicts_what_is_asked_for_again_is_to_be_larger() {
        let room =
            Room { hits: 500, misses: 500, spared: 300, evicted: 900, max_size: Some(1 << 20), ..Room::default() };
        let told = advice(&Server { room: room.clone(), ..well() }, &[]);
        assert_eq!(told[0].statement.as_deref(), Some("ALTER SYSTEM SET cache_pg.max_size = '2048 kB'"));
        assert!(told[0].because.contains("80.0 %"), "{}", told[0].because);
        let of_both = Room { max_entries: Some(10), ..room.clone() };
        let told = advice(&Server { room: of_both.clone(), ..well() }, &[]);
        let both = "ALTER SYSTEM SET cache_pg.max_entries = 20; ALTER SYSTEM SET cache_pg.max_size = '2048 kB'";
        assert_eq!(told[0].statement.as_deref(), Some(both));
        assert_eq!(
            advised(Namespace { name: "search".into(), room: of_both, ..Namespace::default() }),
            [Some("SELECT cache_configure('search', max_entries => 20, max_size => 2097152)".into())]
        );
        assert_eq!(advice(&Server { room: Room { spared: 10, ..room.clone() }, ..well() }, &[]), []);
        assert_eq!(advice(&Server { room: Room { max_size: None, ..room }, ..well() }, &[]), []);
    }

    #[test]
    fn what_expires_before_it_is_asked_for_again_is_to_live_longer() {
        let it = Namespace {
            name: "o'hara".into(),
            hits: 100,
            misses: 900,
            written: 900,
            expired: 800,
            ttl: Duration::from_secs(10),
            ..Namespace::default()
        };
        assert_eq!(advised(it), [Some("SELECT cache_configure('o''hara', default_ttl => '40 seconds')".into())]);
    }

    #[test]
    fn what_nobody_asks_for_is_not_to_be_cached() {
        assert_eq!(advised(Namespace { hits: 5, misses: 5, written: 1000, ..Namespace::default() }), [None]);
    }

    #[test]
    fn slow_loads_that_others_wait_for_are_to_be_hidden() {
        let it = Namespace {
            name: "menu".into(),
            hits: 10_000,
            loads: 100,
            load_time: Duration::from_secs(20),
            waits: 30,
            ..Namespace::default()
        };
        let statement = "SELECT cache_configure('menu', stale_for => '1 minute', early_refresh => 1)";
        assert_eq!(advised(it.clone()), [Some(statement.into())]);
        assert_eq!(advised(Namespace { has_grace: true, ..it }), []);
    }

    #[test]
    fn many_refused_values_are_worth_a_word() {
        assert_eq!(advised(Namespace { hits: 9000, written: 300, refused: 200, ..Namespace::default() }), [None]);
    }
}
