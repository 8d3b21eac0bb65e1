//! Reading what `cache_health` and `cache_advice` judge by.
//!
//! Owns the figures, not the judgement: that is in `rules`. Must never know the modules above: the caller adds theirs.

use super::counter::{Counter, Counters};
use super::database::{self, DatabaseStats, NamespaceStats};
use super::{histogram::Operation, row_counts::Counted, turns};
use crate::pg::{Steady, backend, clock};
use crate::shared::{Slot, directory};
use crate::statement::{IntoParam, Statement, statement};
use crate::{catalog::ExtensionTables, namespaces, settings};
use cache_pg_rules::advice::{NamespaceUsage, Room, Server};
use cache_pg_rules::health::{self, ENOUGH, Readings};
use cache_pg_rules::histogram;
use cache_pg_rules::limit::{Held, Limit, Limits};
use cache_pg_rules::namespace::Namespace as Name;
use pgrx::pg_sys;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{ffi::CStr, time::Duration};

static READINGS: Statement = statement!("readings.sql", [OIDOID, OIDOID, OIDOID]);

/// The share of gets that the latency of `cache_health` covers.
const P99: f64 = 0.99;

/// What the checks need to know, except for `references` and for what the watches know.
pub fn readings(tables: &ExtensionTables) -> Readings {
    let total = |counter| NamespaceStats::all().map(|stats| stats.counters.get(counter)).sum();
    let mut readings = Readings {
        is_preloaded: database::attached(),
        has_worker: has_worker(),
        may_sweep: settings::max_workers() > 0,
        hits: total(Counter::Hits),
        misses: total(Counter::Misses),
        uncounted: uncounted(),
        largest: largest(),
        unread: unread(),
        ..of_sweeper()
    };
    if let Some(database) = DatabaseStats::mine() {
        (readings.room, readings.fill) = fill(database.total.held(), settings::limits());
        let fullest = fullest(tables);
        if let Some((room, parts)) =
            fullest.filter(|&(_, parts)| readings.fill.is_none_or(|fill| parts > fill.max(1.0)))
        {
            (readings.room, readings.fill) = (room, Some(parts));
        }
        let was = database.gauge_was.load(Ordering::Relaxed);
        let counted = (was as i64 + database.gauge_was_off.load(Ordering::Relaxed)).max(0) as u64;
        readings.gauge = turns::counted_at().map(|_| (was, counted));
        readings.overshoot = settings::eviction_factor();
        let gets = database.latency[Operation::Get as usize].counts();
        readings.latency = histogram::quantile(&gets, P99).map(Duration::from_nanos);
    }
    let relations = [tables.entries.param(), tables.tags.param(), tables.namespaces.param()];
    READINGS.read(tables, &relations, |rows| {
        let whole = |column| u64::try_from(rows.get::<i64>(0, column).unwrap_or(0)).unwrap_or(0);
        [readings.live_rows, readings.dead_rows, readings.age] = [whole(1), whole(2), whole(3)];
        readings.files = turns::counted_at().map(|_| (whole(6), counted()));
        let seconds: Option<f64> = rows.get(0, 5);
        readings.oldest = rows.get(0, 4).zip(seconds.map(|seconds| Duration::from_secs_f64(seconds.max(0.0))));
    });
    readings
}

/// The bytes of all rows that the last whole turn has counted.
fn counted() -> u64 {
    sum(|counted| &counted.bytes) + sum(|counted| &counted.expired_bytes)
}

/// A figure of the last whole turn, of all namespaces together.
fn sum(of: fn(&Counted) -> &AtomicU64) -> u64 {
    NamespaceStats::all().map(|stats| of(&stats.rows.counted).load(Ordering::Relaxed)).sum()
}

/// What the cache holds and its limits, in words, and the share of the tighter limit.
fn fill(held: Held, limits: Limits) -> (String, Option<f64>) {
    let of = |limit: Option<Limit>, held: u64| limit.map(|limit| held as f64 / limit.most() as f64);
    let parts = [of(limits.entries, held.entries), of(limits.bytes, held.bytes)];
    let limit = |limit: Option<Limit>, show: fn(u64) -> String| {
        limit.map_or_else(String::new, |limit| format!(" of {}", show(limit.most())))
    };
    let room = format!(
        "about {}{} entries, {}{}",
        held.entries,
        limit(limits.entries, |most| most.to_string()),
        health::bytes(held.bytes),
        limit(limits.bytes, health::bytes)
    );
    (room, parts.into_iter().flatten().max_by(f64::total_cmp))
}

/// The namespace that holds the largest share of its own limits, in words, and that share.
fn fullest(tables: &ExtensionTables) -> Option<(String, f64)> {
    if !namespaces::has_limits(tables) {
        return None;
    }
    let held = NamespaceStats::read_named(|name, stats| {
        let limits = namespaces::limits(tables, Name::parse(&name).ok()?);
        let (room, parts) = fill(stats.rows.now.held(), limits);
        Some((format!("{room} in \"{name}\""), parts?))
    });
    held.flatten().max_by(|(_, one), (_, other)| one.total_cmp(other))
}

fn of_sweeper() -> Readings {
    let Some(database) = DatabaseStats::mine() else { return Readings::default() };
    // SAFETY: a variable of the postmaster, inherited.
    let started = unsafe { pg_sys::PgStartTime };
    // Before the first whole turn: since the extension was created.
    let ended = Some(database.sweeper.turn_ended_at.load(Ordering::Relaxed)).filter(|&ended| ended != 0);
    let last_turn = ended.unwrap_or_else(|| database.reset_at.load(Ordering::Relaxed)).max(started);
    Readings {
        failures: failures_in_a_row(),
        last_error: database.sweeper.last_error(),
        last_turn: Some(Duration::from_micros(clock::now().0.saturating_sub(last_turn).max(0) as u64)),
        entries: turns::counted_at().map(|_| (sum(|counted| &counted.entries), sum(|counted| &counted.expired))),
        ..Readings::default()
    }
}

/// How long a sweeper may take to start.
const START: Duration = Duration::from_secs(10);

/// How often the sweeper has failed since it last succeeded. The last failure does not count while it tries again.
pub fn failures_in_a_row() -> u32 {
    let database = backend::database();
    let slot = directory::look(|directory| directory.find(database).map(|slot| directory.slots[slot])).flatten();
    let is_starting = |slot: &Slot| Steady::now() < slot.started_at.after(START);
    slot.filter(|slot| !directory::alive(slot.sweeper))
        .map_or(0, |slot| slot.failures.saturating_sub(is_starting(&slot).into()))
}

/// Whether there is a launcher. A standby has none and needs none.
fn has_worker() -> bool {
    let is_standby = backend::is_standby();
    is_standby || directory::look(|directory| directory.launcher).is_some_and(directory::alive)
}

/// The calls that are counted in `rest` although they entitle their namespace to a slot. A miss does not entitle.
fn uncounted() -> u64 {
    let entitling = [Counter::Hits, Counter::Sets, Counter::Fills];
    DatabaseStats::mine()
        .map_or(0, |database| entitling.map(|counter| database.rest.counters.get(counter)).iter().sum())
}

fn largest() -> Option<(String, u64)> {
    let sizes = NamespaceStats::read_named(|name, stats| (name, stats.rows.counted.largest.load(Ordering::Relaxed)));
    sizes.filter(|&(_, size)| size > 0).max_by_key(|&(_, size)| size)
}

/// The namespace with the largest share of values that were never read. A read finds one value: if there are more
/// values than reads, the others were not read.
fn unread() -> Option<(String, f64)> {
    let shares = NamespaceStats::read_named(|name, stats| {
        let written = written(&stats.counters);
        let share = 1.0 - stats.counters.get(Counter::Hits) as f64 / written as f64;
        (written >= ENOUGH).then_some((name, share.max(0.0)))
    });
    shares.flatten().max_by(|(_, one), (_, other)| one.total_cmp(other))
}

fn written(counters: &Counters) -> u64 {
    counters.get(Counter::Sets) + counters.get(Counter::Fills)
}

/// What the recommendations need to know.
pub fn of_server(tables: &ExtensionTables) -> Server {
    // SAFETY: a setting of the server, a text that ends with a zero.
    let preloaded = unsafe { CStr::from_ptr(pg_sys::shared_preload_libraries_string) };
    Server {
        is_preloaded: database::attached(),
        preloaded: preloaded.to_string_lossy().into_owned(),
        uncounted: uncounted(),
        track_namespaces: settings::track_namespaces() as u64,
        waits_for_disk: !settings::async_commit() && commits_wait(),
        written: NamespaceStats::all().map(|stats| written(&stats.counters)).sum(),
        room: room(tables),
    }
}

/// What the limit of the whole cache has cost the namespaces without limits of their own.
fn room(tables: &ExtensionTables) -> Room {
    let has_own =
        |name: &str| Name::parse(name).is_ok_and(|name| namespaces::limits(tables, name) != Limits::default());
    let rest = DatabaseStats::mine().map(|database| &database.rest);
    let named = NamespaceStats::named().filter(|(name, _)| !has_own(name)).map(|(_, stats)| stats);
    room_of(rest.into_iter().chain(named), settings::limits())
}

fn room_of<'a>(all: impl Iterator<Item = &'a NamespaceStats>, limits: Limits) -> Room {
    let (max_entries, max_size) = (limits.entries.map(Limit::most), limits.bytes.map(Limit::most));
    all.fold(Room { max_entries, max_size, ..Room::default() }, |room, stats| {
        let get = |counter| stats.counters.get(counter);
        Room {
            hits: room.hits + get(Counter::Hits),
            misses: room.misses + get(Counter::Misses),
            spared: room.spared + get(Counter::Spared150) + get(Counter::Spared200),
            evicted: room.evicted + get(Counter::Evicted),
            ..room
        }
    })
}

/// Whether a commit waits for the disk, by `synchronous_commit`.
fn commits_wait() -> bool {
    // SAFETY: a setting of this backend.
    unsafe { pg_sys::synchronous_commit > pg_sys::SyncCommitLevel::SYNCHRONOUS_COMMIT_OFF as i32 }
}

/// What each namespace has done, and how it is configured.
pub fn of_namespaces(tables: &ExtensionTables) -> Vec<NamespaceUsage> {
    let mut all: Vec<_> = NamespaceStats::read_named(|name, stats| {
        let get = |counter| stats.counters.get(counter);
        let parsed = Name::parse(&name).ok();
        let options = parsed.map(|name| namespaces::named(tables, name));
        let limits = parsed.map_or(Limits::default(), |name| namespaces::limits(tables, name));
        NamespaceUsage {
            hits: get(Counter::Hits),
            misses: get(Counter::Misses),
            written: written(&stats.counters),
            refused: get(Counter::FillsRefused),
            loads: get(Counter::Loads),
            load_time: Duration::from_micros(get(Counter::LoadTime)),
            waits: get(Counter::Waits),
            expired: get(Counter::Expired),
            has_grace: options.as_ref().is_some_and(|options| options.has_grace()),
            has_loader: options.as_ref().is_some_and(|options| options.loader.is_some()),
            refreshes: options.as_ref().is_some_and(|options| options.refresh_ahead().is_some()),
            ttl: options.map_or(Duration::ZERO, |options| options.usual_ttl()),
            room: room_of(std::iter::once(stats), limits),
            name,
        }
    })
    .collect();
    all.sort_by(|one, other| one.name.cmp(&other.name));
    all
}
