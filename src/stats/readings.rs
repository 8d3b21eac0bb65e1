//! Reading off what `cache_health` and `cache_advice` judge by.

use super::counter::Counter;
use super::latency::Operation;
use super::memory::{self, Tally};
use super::{census, counter};
use crate::catalog::ExtensionTables;
use crate::namespaces;
use crate::pg::backend;
use crate::pg::clock::{self, Steady};
use crate::settings;
use crate::shared::directory::{self, Slot};
use crate::statement::{IntoParam, Statement, statement};
use crate::sweep::references;
use cache_pg_rules::advice::{Namespace, Room, Server};
use cache_pg_rules::health::{self, ENOUGH, Readings};
use cache_pg_rules::histogram;
use cache_pg_rules::limit::{Held, Limit, Limits};
use cache_pg_rules::namespace::Namespace as Name;
use pgrx::pg_sys;
use std::ffi::CStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

static READINGS: Statement = statement!("readings.sql", [OIDOID, OIDOID, OIDOID]);

/// What 99 % of gets do not exceed.
const P99: f64 = 0.99;

/// What the checks need to know.
pub fn readings(tables: &ExtensionTables) -> Readings {
    let total = |counter| memory::tallies().map(|tally| tally.counters.get(counter)).sum();
    let mut readings = Readings {
        is_preloaded: memory::attached(),
        has_worker: has_worker(),
        may_sweep: settings::max_workers() > 0,
        hits: total(Counter::Hits),
        misses: total(Counter::Misses),
        uncounted: uncounted(),
        largest: largest(),
        unread: unread(),
        references: references::names(tables),
        ..of_the_hand()
    };
    if let Some(area) = memory::area() {
        (readings.room, readings.fill) = fill(area.total.held(), settings::limits());
        let fullest = fullest(tables);
        if let Some((room, parts)) =
            fullest.filter(|&(_, parts)| readings.fill.is_none_or(|fill| parts > fill.max(1.0)))
        {
            (readings.room, readings.fill) = (room, Some(parts));
        }
        let [was, off] = [area.gauge_was.load(Ordering::Relaxed) as i64, area.gauge_was_off.load(Ordering::Relaxed)];
        readings.gauge = census::at().map(|_| (was as u64, (was + off).max(0) as u64));
        readings.overshoot = settings::eviction_factor();
        let gets = area.latency[Operation::Get as usize].counts();
        readings.latency = histogram::quantile(&gets, P99).map(Duration::from_nanos);
    }
    let relations = [tables.entries.param(), tables.tags.param(), tables.namespaces.param()];
    READINGS.read(tables, &relations, |rows| {
        let whole = |column| u64::try_from(rows.get::<i64>(0, column).unwrap_or(0)).unwrap_or(0);
        [readings.live_rows, readings.dead_rows, readings.age] = [whole(1), whole(2), whole(3)];
        readings.files = census::at().map(|_| (whole(6), counted()));
        let seconds: Option<f64> = rows.get(0, 5);
        readings.oldest = rows.get(0, 4).zip(seconds.map(|seconds| Duration::from_secs_f64(seconds.max(0.0))));
    });
    readings
}

/// The bytes of all rows that the hand has counted.
fn counted() -> u64 {
    let of = |word: &AtomicU64| word.load(Ordering::Relaxed);
    memory::tallies().map(|Tally { census, .. }| of(&census.counted.bytes) + of(&census.counted.expired_bytes)).sum()
}

/// What is held of the limits, in words, and of the tighter one in parts.
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

/// The namespace that holds most of its own limits, in words and in parts.
fn fullest(tables: &ExtensionTables) -> Option<(String, f64)> {
    if !namespaces::has_limits(tables) {
        return None;
    }
    let held = memory::read_places(|name, tally| {
        let limits = namespaces::limits(tables, Name::parse(&name).ok()?);
        let (room, parts) = fill(tally.census.now.held(), limits);
        Some((format!("{room} in \"{name}\""), parts?))
    });
    held.flatten().max_by(|(_, one), (_, other)| one.total_cmp(other))
}

fn of_the_hand() -> Readings {
    let Some(area) = memory::area() else { return Readings::default() };
    // SAFETY: a variable of the postmaster, inherited.
    let started = unsafe { pg_sys::PgStartTime };
    // Where the hand has not been round yet, since there is something to go round.
    let ended = Some(area.sweeps.turn_ended_at.load(Ordering::Relaxed)).filter(|&ended| ended != 0);
    let last_turn = ended.unwrap_or_else(|| area.reset_at.load(Ordering::Relaxed)).max(started);
    let sum = |of: fn(&census::Count) -> u64| memory::tallies().map(|tally| of(&tally.census.counted)).sum();
    let entries = census::at().map(|_| {
        (sum(|count| count.entries.load(Ordering::Relaxed)), sum(|count| count.expired.load(Ordering::Relaxed)))
    });
    Readings {
        failures: failures_in_a_row(),
        last_error: area.sweeps.last_error(),
        last_turn: Some(Duration::from_micros(clock::now().0.saturating_sub(last_turn).max(0) as u64)),
        entries,
        ..Readings::default()
    }
}

/// How long a sweeper that was started may take to be there.
const START: Duration = Duration::from_secs(10);

/// How often the hand has failed since it last succeeded, as far as that is known: not while it tries again.
pub fn failures_in_a_row() -> u32 {
    let database = backend::database();
    let slot = directory::look(|directory| directory.find(database).map(|slot| directory.slots[slot])).flatten();
    let is_starting = |slot: &Slot| Steady::now() < slot.started_at.after(START);
    slot.filter(|slot| !directory::alive(slot.sweeper))
        .map_or(0, |slot| slot.failures.saturating_sub(is_starting(&slot).into()))
}

/// On a standby there is none, and none is needed.
fn has_worker() -> bool {
    let is_standby = backend::is_standby();
    is_standby || directory::look(|directory| directory.launcher).is_some_and(directory::alive)
}

/// What was counted under no namespace although it belongs to one that should have a place: what finds nothing takes
/// none.
fn uncounted() -> u64 {
    let of_namespaces = [Counter::Hits, Counter::Sets, Counter::Fills];
    memory::area().map_or(0, |area| of_namespaces.map(|counter| area.rest.counters.get(counter)).iter().sum())
}

fn largest() -> Option<(String, u64)> {
    let sizes = memory::read_places(|name, tally| (name, tally.census.counted.largest.load(Ordering::Relaxed)));
    sizes.filter(|&(_, size)| size > 0).max_by_key(|&(_, size)| size)
}

/// A read finds one value: of more values than reads, the rest was not read.
fn unread() -> Option<(String, f64)> {
    let shares = memory::read_places(|name, tally| {
        let written = written(&tally.counters);
        let share = 1.0 - tally.counters.get(Counter::Hits) as f64 / written as f64;
        (written >= ENOUGH).then_some((name, share.max(0.0)))
    });
    shares.flatten().max_by(|(_, one), (_, other)| one.total_cmp(other))
}

fn written(counters: &counter::Counters) -> u64 {
    counters.get(Counter::Sets) + counters.get(Counter::Fills)
}

/// What the recommendations need to know.
pub fn of_server(tables: &ExtensionTables) -> Server {
    // SAFETY: a setting of the server, a text that ends with a zero.
    let preloaded = unsafe { CStr::from_ptr(pg_sys::shared_preload_libraries_string) };
    Server {
        is_preloaded: memory::attached(),
        preloaded: preloaded.to_string_lossy().into_owned(),
        uncounted: uncounted(),
        track_namespaces: settings::track_namespaces() as u64,
        waits_for_disk: !settings::async_commit() && unsafe_to_forget(),
        written: memory::tallies().map(|tally| written(&tally.counters)).sum(),
        room: room(tables),
    }
}

/// What the limit of the whole cache has cost those that have none of their own.
fn room(tables: &ExtensionTables) -> Room {
    let has_own =
        |name: &str| Name::parse(name).is_ok_and(|name| namespaces::limits(tables, name) != Limits::default());
    let rest = memory::area().map(|area| &area.rest);
    let places = memory::places().filter(|(name, _)| !has_own(name)).map(|(_, tally)| tally);
    room_of(rest.into_iter().chain(places), settings::limits())
}

fn room_of<'a>(tallies: impl Iterator<Item = &'a Tally>, limits: Limits) -> Room {
    let (max_entries, max_size) = (limits.entries.map(Limit::most), limits.bytes.map(Limit::most));
    tallies.fold(Room { max_entries, max_size, ..Room::default() }, |room, tally| {
        let get = |counter| tally.counters.get(counter);
        Room {
            hits: room.hits + get(Counter::Hits),
            misses: room.misses + get(Counter::Misses),
            spared: room.spared + get(Counter::Spared150) + get(Counter::Spared200),
            evicted: room.evicted + get(Counter::Evicted),
            ..room
        }
    })
}

/// Whether a commit waits for the disk unless it is told otherwise.
fn unsafe_to_forget() -> bool {
    // SAFETY: a setting of this backend.
    unsafe { pg_sys::synchronous_commit > pg_sys::SyncCommitLevel::SYNCHRONOUS_COMMIT_OFF as i32 }
}

/// What each namespace has done, and how it is configured.
pub fn of_namespaces(tables: &ExtensionTables) -> Vec<Namespace> {
    let mut all: Vec<_> = memory::read_places(|name, tally| {
        let get = |counter| tally.counters.get(counter);
        let parsed = Name::parse(&name).ok();
        let options = parsed.map(|name| namespaces::named(tables, name));
        let limits = parsed.map_or(Limits::default(), |name| namespaces::limits(tables, name));
        Namespace {
            hits: get(Counter::Hits),
            misses: get(Counter::Misses),
            written: written(&tally.counters),
            refused: get(Counter::FillsRefused),
            loads: get(Counter::Loads),
            load_time: Duration::from_micros(get(Counter::LoadTime)),
            waits: get(Counter::Waits),
            expired: get(Counter::Expired),
            has_grace: options.as_ref().is_some_and(|options| options.has_grace()),
            ttl: options.map_or(Duration::ZERO, |options| options.usual_ttl()),
            room: room_of(std::iter::once(tally), limits),
            name,
        }
    })
    .collect();
    all.sort_by(|one, other| one.name.cmp(&other.name));
    all
}
