//! The recommendations.
//!
//! Owns the condition and the text of each. Must never advise from few events: at least [`ENOUGH`] of a kind.

use super::usage::{NamespaceUsage, Room, Server};
use crate::health::{ENOUGH, time};
use crate::quote::literal;
use std::time::Duration;

/// Below this share of hits a longer ttl may be recommended.
const LOW_HIT_RATIO: f64 = 0.7;
/// A load that takes longer delays its callers noticeably.
const SLOW_LOAD: Duration = Duration::from_millis(50);
/// A larger share of refused fills means that values change while they are computed.
const REFUSED: f64 = 0.2;

/// The part of a ttl that is recommended as `refresh_ahead`.
const REFRESH_PART: u32 = 5;

/// One recommendation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// The namespace; None: the whole cache.
    pub namespace: Option<String>,
    /// The recommended change.
    pub advice: String,
    /// The figures behind it.
    pub because: String,
    /// The statement that does it; None where the application must change.
    pub statement: Option<String>,
}

/// All recommendations, those for the whole cache first.
pub fn advice(server: &Server, namespaces: &[NamespaceUsage]) -> Vec<Advice> {
    let whole = [preload(server), track(server), commit(server), room(&server.room)];
    let each = namespaces.iter().flat_map(|it| {
        [live_longer(it), do_not_cache(it), refresh_ahead(it), serve_stale(it), refused(it), own_room(it)]
    });
    whole.into_iter().chain(each).flatten().collect()
}

fn whole(advice: &str, because: String, statement: String) -> Option<Advice> {
    Some(Advice { namespace: None, advice: advice.into(), because, statement: Some(statement) })
}

fn preload(server: &Server) -> Option<Advice> {
    if server.is_preloaded {
        return None;
    }
    let libraries =
        if server.preloaded.is_empty() { "cache_pg".into() } else { format!("{}, cache_pg", server.preloaded) };
    whole(
        "Preload the library and restart, so that expired entries are removed and statistics are collected.",
        format!("shared_preload_libraries is \"{}\"", server.preloaded),
        format!("ALTER SYSTEM SET shared_preload_libraries = {libraries}"),
    )
}

fn track(server: &Server) -> Option<Advice> {
    if server.uncounted == 0 {
        return None;
    }
    whole(
        "Raise the number of namespaces that are counted separately, and restart.",
        format!(
            "{} operations were not counted by namespace, because the statistics hold only {} namespaces",
            server.uncounted, server.track_namespaces
        ),
        format!("ALTER SYSTEM SET cache_pg.track_namespaces = {}", server.track_namespaces * 4),
    )
}

fn commit(server: &Server) -> Option<Advice> {
    if !server.waits_for_disk || server.written < ENOUGH {
        return None;
    }
    whole(
        "Let transactions that only set entries commit without waiting for the disk.",
        format!(
            "{} values were written, and each commit waited for the disk; with the change, a crash can lose the last second",
            server.written
        ),
        "ALTER SYSTEM SET cache_pg.async_commit = on".into(),
    )
}

/// Twice the size is recommended if this share of reads, or more, would be additional hits.
const WORTH_THE_ROOM: f64 = 0.05;
const MORE_ROOM: &str = "Raise the limit on the size.";

fn room(room: &Room) -> Option<Advice> {
    let because = lack(room)?;
    let doubled = room.doubled();
    let entries = doubled.max_entries.map(|most| format!("ALTER SYSTEM SET cache_pg.max_entries = {most}"));
    let size = doubled.max_size.map(|most| format!("ALTER SYSTEM SET cache_pg.max_size = '{} kB'", most / 1024));
    whole(MORE_ROOM, because, [entries, size].into_iter().flatten().collect::<Vec<_>>().join("; "))
}

/// As [`room`], for a namespace with a limit of its own.
fn own_room(it: &NamespaceUsage) -> Option<Advice> {
    let because = lack(&it.room)?;
    let doubled = it.room.doubled();
    let entries = doubled.max_entries.map(|most| format!("max_entries => {most}"));
    let size = doubled.max_size.map(|most| format!("max_size => {most}"));
    it.advise(MORE_ROOM, because, Some([entries, size].into_iter().flatten().collect::<Vec<_>>().join(", ")))
}

/// The figures of a limit that costs many hits.
fn lack(room: &Room) -> Option<String> {
    let reads = room.hits + room.misses;
    let gain = room.spared as f64 / reads.max(1) as f64;
    let is_limited = room.max_entries.or(room.max_size).is_some();
    if !is_limited || reads < ENOUGH || room.evicted < ENOUGH || gain < WORTH_THE_ROOM {
        return None;
    }
    let ratio = room.hits as f64 / reads as f64;
    Some(format!(
        "{:.1} % of reads were hits; with twice the size, {:.1} % would have been; {} entries were evicted",
        ratio * 100.0,
        (ratio + gain).min(1.0) * 100.0,
        room.evicted
    ))
}

impl NamespaceUsage {
    fn hit_ratio(&self) -> Option<f64> {
        let reads = self.hits + self.misses;
        (reads >= ENOUGH).then(|| self.hits as f64 / reads as f64)
    }

    fn advise(&self, advice: &str, because: String, options: Option<String>) -> Option<Advice> {
        let statement = options.map(|options| format!("SELECT cache_configure({}, {options})", literal(&self.name)));
        Some(Advice { namespace: Some(self.name.clone()), advice: advice.into(), because, statement })
    }
}

/// Most misses are for entries that have expired.
fn live_longer(it: &NamespaceUsage) -> Option<Advice> {
    let ratio = it.hit_ratio()?;
    if ratio >= LOW_HIT_RATIO || it.expired < ENOUGH || it.expired * 2 < it.misses || it.ttl.is_zero() {
        return None;
    }
    let longer = it.ttl * 4;
    it.advise(
        "Give values a longer ttl: most misses are for values that have expired.",
        format!(
            "{:.1} % of reads were hits; {} were misses; {} values expired, with a ttl of {}",
            ratio * 100.0,
            it.misses,
            it.expired,
            time(it.ttl)
        ),
        Some(format!("default_ttl => '{} seconds'", longer.as_secs().max(1))),
    )
}

/// Values are written and hardly read.
fn do_not_cache(it: &NamespaceUsage) -> Option<Advice> {
    if it.written < ENOUGH || it.hits * 10 > it.written || it.misses * 10 > it.written {
        return None;
    }
    it.advise(
        "Do not cache these values: they are hardly ever read.",
        format!("{} values were written, and {} reads found one", it.written, it.hits),
        None,
    )
}

/// Callers compute values that a worker could have computed before their deadline.
fn refresh_ahead(it: &NamespaceUsage) -> Option<Advice> {
    let usual = it.load_time / u32::try_from(it.loads).ok()?.max(1);
    let is_read = it.hits > it.loads;
    if !it.has_loader || it.refreshes || it.loads < ENOUGH || it.expired < ENOUGH || usual < SLOW_LOAD || !is_read {
        return None;
    }
    let ahead = (it.ttl / REFRESH_PART).max(usual * 2);
    it.advise(
        "Let workers compute the values that are read before they expire.",
        format!("{} loads took {} on average, and a caller waited for each", it.loads, time(usual)),
        Some(format!("refresh_ahead => '{} milliseconds'", ahead.as_millis())),
    )
}

/// Callers wait while a value is computed.
fn serve_stale(it: &NamespaceUsage) -> Option<Advice> {
    let usual = it.load_time / u32::try_from(it.loads).ok()?.max(1);
    if it.has_loader || it.has_grace || it.loads < ENOUGH || usual < SLOW_LOAD || it.waits == 0 {
        return None;
    }
    it.advise(
        "Serve the old value while one caller computes the new one.",
        format!("{} loads took {} on average, and {} callers waited for one", it.loads, time(usual), it.waits),
        Some("stale_for => '1 minute', early_refresh => 1".into()),
    )
}

/// Values change while they are computed.
fn refused(it: &NamespaceUsage) -> Option<Advice> {
    let fills = it.written + it.refused;
    if it.refused < ENOUGH || (it.refused as f64) < fills as f64 * REFUSED {
        return None;
    }
    it.advise(
        "Invalidate fewer entries at once, or compute faster: values change while they are computed.",
        format!("{} of {fills} computed values were refused because they could have been stale", it.refused),
        None,
    )
}
