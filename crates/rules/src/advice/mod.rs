//! The recommendations of `cache_advice`.
//!
//! Owns the interface: [`usage`] has the figures, and [`rules`] the recommendations that follow from them. Each has the
//! figures behind it and, where there is one, the statement that does it. Must never advise from few events.

mod rules;
mod usage;

pub use rules::{Advice, advice};
pub use usage::{NamespaceUsage, Room, Server};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::ENOUGH;
    use std::time::Duration;

    fn well() -> Server {
        Server { is_preloaded: true, ..Server::default() }
    }

    fn advised(it: NamespaceUsage) -> Vec<Option<String>> {
        advice(&well(), &[it]).into_iter().map(|advice| advice.statement).collect()
    }

    #[test]
    fn a_cache_that_is_well_gets_no_advice() {
        let good =
            NamespaceUsage { hits: 10_000, misses: 100, written: 100, expired: 100, ..NamespaceUsage::default() };
        assert_eq!(advised(good), []);
        assert_eq!(advised(NamespaceUsage::default()), []);
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
            advised(NamespaceUsage { name: "search".into(), room: of_both, ..NamespaceUsage::default() }),
            [Some("SELECT cache_configure('search', max_entries => 20, max_size => 2097152)".into())]
        );
        assert_eq!(advice(&Server { room: Room { spared: 10, ..room.clone() }, ..well() }, &[]), []);
        assert_eq!(advice(&Server { room: Room { max_size: None, ..room }, ..well() }, &[]), []);
    }

    #[test]
    fn what_expires_before_it_is_asked_for_again_is_to_live_longer() {
        let it = NamespaceUsage {
            name: "o'hara".into(),
            hits: 100,
            misses: 900,
            written: 900,
            expired: 800,
            ttl: Duration::from_secs(10),
            ..NamespaceUsage::default()
        };
        assert_eq!(advised(it), [Some("SELECT cache_configure('o''hara', default_ttl => '40 seconds')".into())]);
    }

    #[test]
    fn what_nobody_asks_for_is_not_to_be_cached() {
        assert_eq!(advised(NamespaceUsage { hits: 5, misses: 5, written: 1000, ..NamespaceUsage::default() }), [None]);
    }

    #[test]
    fn slow_loads_that_others_wait_for_are_to_be_hidden() {
        let it = NamespaceUsage {
            name: "menu".into(),
            hits: 10_000,
            loads: 100,
            load_time: Duration::from_secs(20),
            waits: 30,
            ..NamespaceUsage::default()
        };
        let statement = "SELECT cache_configure('menu', stale_for => '1 minute', early_refresh => 1)";
        assert_eq!(advised(it.clone()), [Some(statement.into())]);
        assert_eq!(advised(NamespaceUsage { has_grace: true, ..it }), []);
    }

    #[test]
    fn slow_loads_of_a_loader_are_to_be_done_by_workers() {
        let it = NamespaceUsage {
            name: "menu".into(),
            hits: 10_000,
            loads: 100,
            load_time: Duration::from_secs(20),
            waits: 30,
            expired: 100,
            has_loader: true,
            ttl: Duration::from_secs(600),
            ..NamespaceUsage::default()
        };
        let statement = "SELECT cache_configure('menu', refresh_ahead => '120000 milliseconds')";
        assert_eq!(advised(it.clone()), [Some(statement.into())]);
        for without in [
            NamespaceUsage { refreshes: true, ..it.clone() },
            NamespaceUsage { loads: 99, ..it.clone() },
            NamespaceUsage { expired: 99, ..it.clone() },
            NamespaceUsage { hits: 100, ..it.clone() },
            NamespaceUsage { load_time: Duration::from_secs(1), ..it.clone() },
        ] {
            assert_eq!(advised(without.clone()), [], "{without:?}");
        }
    }

    #[test]
    fn many_refused_values_are_worth_a_word() {
        assert_eq!(
            advised(NamespaceUsage { hits: 9000, written: 300, refused: 200, ..NamespaceUsage::default() }),
            [None]
        );
    }
}
