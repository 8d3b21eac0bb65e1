//! Where statistics are: an area for each database, and a tally for each of its namespaces.
//!
//! The tallies of all databases are one hash table ([`place`]), which [`crate::settings::track_namespaces`] bounds;
//! what does not find room is counted in its area's `rest`. Owns how a backend finds its area, and remembers it;
//! [`super::tally`] finds the tallies.
//!
//! Memory: [`AREAS`] areas of 30 KB, and 2.3 KB for each namespace.

use super::census::Census;
use super::counter::Counters;
use super::gauge::Gauge;
use super::latency::Histogram;
use super::place::{self, Place};
use super::sweeps::Sweeps;
use crate::pg::backend;
use crate::pg::clock;
use crate::shared::array::{self, Shareable, SharedArray};
use pgrx::pg_sys::Oid;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering, fence};

/// How many databases have statistics. Those that have the extension come first, first served.
pub const AREAS: usize = 64;

/// What is counted for one namespace.
#[repr(C)]
pub struct Tally {
    /// Changes when its place gets another owner: whoever remembers it looks again.
    pub generation: AtomicU32,
    /// When it was last used, by [`place::ticks`].
    pub last_used: AtomicU32,
    /// Whether its namespace is configured.
    pub is_configured: AtomicBool,
    /// What was done.
    pub counters: Counters,
    /// What there is.
    pub census: Census,
}

/// What is counted for one database.
#[repr(C)]
pub struct Area {
    database: AtomicU32,
    /// Since when.
    pub reset_at: AtomicI64,
    /// The namespaces that found no room, and what belongs to none.
    pub rest: Tally,
    /// What was counted for namespaces that have lost their place to others,
    pub merged: Tally,
    /// and how often that was.
    pub merged_namespaces: AtomicU64,
    /// By [`super::Operation`].
    pub latency: [Histogram; super::latency::OPERATIONS],
    /// What the hand does.
    pub sweeps: Sweeps,
    /// What there is by now, of all namespaces.
    pub total: Gauge,
    /// `cache_entries`; 0: not known.
    pub table: AtomicU32,
    /// The file that the gauges are of; 0: none.
    pub file: AtomicU32,
    /// Whether the turn that is under way began in another file.
    pub counts_another_file: AtomicBool,
    /// What the gauge said at the end of the last whole turn, in entries,
    pub gauge_was: AtomicU64,
    /// and how many it had to be set right by.
    pub gauge_was_off: AtomicI64,
    /// How many entries were evicted, ever.
    pub evictions: AtomicU64,
    /// How many entries may still go before somebody looks whether there are as many as the gauges say: for the limits
    /// of all, and for those of namespaces.
    pub believed: [AtomicI64; 2],
    /// The page on which who makes room goes on.
    pub evict_page: AtomicU32,
    /// How many meetings with the hand a read is worth, and one: [`Area::level`].
    pub level: AtomicU8,
    /// What has been met since there was room: judged, evicted, and in vain; in entries or bytes.
    pub met: [AtomicU64; 3],
    /// How many pages that were.
    pub met_pages: AtomicU32,
    /// `evictions` when there was room last.
    pub evictions_then: AtomicU64,
    /// Where the next marks are forgotten.
    pub forget_at: AtomicU64,
}

// SAFETY: atomics, no pointers.
unsafe impl Shareable for Area {}
// SAFETY: as above.
unsafe impl Shareable for Tally {}

static AREA: SharedArray<Area> = SharedArray::new(c"cache_pg statistics", || AREAS);

thread_local! {
    /// The area of this backend's database, once it is known.
    static MINE: Cell<Option<&'static Area>> = const { Cell::new(None) };
}

/// Reserves the shared memory. Called by the postmaster while it loads libraries.
pub fn register() {
    array::reserve(&AREA);
    place::register();
}

/// Whether the library was preloaded, so that there are statistics at all.
pub fn attached() -> bool {
    AREA.is_attached()
}

/// The area of this backend's database, where this backend has found it before.
pub fn known_area() -> Option<&'static Area> {
    MINE.get()
}

/// The area of this backend's database; None where nothing is counted, or all areas are taken.
pub fn area() -> Option<&'static Area> {
    if let Some(area) = MINE.get() {
        return Some(area);
    }
    let database = backend::database().to_u32();
    MINE.set(area_of(database));
    MINE.get()
}

fn area_of(database: u32) -> Option<&'static Area> {
    let areas = AREA.all();
    if database == 0 {
        return None;
    }
    let owned = areas.iter().find(|area| area.database.load(Ordering::Acquire) == database);
    owned.or_else(|| areas.iter().find(|area| area.take(database)))
}

/// The area of a database, where it has one.
pub(super) fn area_owned_by(database: u32) -> Option<&'static Area> {
    AREA.all().iter().find(|area| area.database.load(Ordering::Acquire) == database)
}

/// A database is gone: its places are free. Nobody is connected to it any more.
pub fn forget(database: Oid) {
    let database = database.to_u32();
    place::forget(database);
    for area in AREA.all().iter().filter(|area| area.database.load(Ordering::Relaxed) == database) {
        area.leave();
    }
}

impl Tally {
    /// Whether its place is still whose it was.
    pub fn is_still(&self, generation: u32) -> bool {
        self.generation.load(Ordering::Relaxed) == generation
    }

    /// Forgets all.
    pub fn reset(&self) {
        self.counters.reset();
        self.census.reset();
    }
}

impl Area {
    /// Takes it, if it is nobody's, and says whether it is now this database's.
    fn take(&self, database: u32) -> bool {
        match self.database.compare_exchange(0, database, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                self.reset_at.store(clock::now().0, Ordering::Relaxed);
                true
            }
            // Somebody was faster, perhaps for the same database.
            Err(owner) => owner == database,
        }
    }

    /// Gives it back, as if nobody had ever had it.
    fn leave(&self) {
        self.reset();
        let Self { rest, sweeps, total, evict_page, level, met, met_pages, .. } = self;
        rest.census.reset();
        sweeps.reset();
        total.clear();
        let Self { evictions, evictions_then, forget_at, table, file, .. } = self;
        [table, file].into_iter().for_each(|word| word.store(0, Ordering::Relaxed));
        self.gauge_was.store(0, Ordering::Relaxed);
        self.gauge_was_off.store(0, Ordering::Relaxed);
        met.iter().chain([evictions, evictions_then, forget_at]).for_each(|word| word.store(0, Ordering::Relaxed));
        [evict_page, met_pages].into_iter().for_each(|word| word.store(0, Ordering::Relaxed));
        level.store(0, Ordering::Relaxed);
        self.database.store(0, Ordering::Release);
    }

    /// Whose it is; 0: nobody's.
    pub fn owner(&self) -> &AtomicU32 {
        &self.database
    }

    /// The extension is new here: the hand has not been round, and could not have been.
    pub fn begin(&self) {
        self.sweeps.turn_ended_at.store(0, Ordering::Relaxed);
        self.reset_at.store(clock::now().0, Ordering::Relaxed);
    }

    /// Begins to count anew; what there is, and what the hand does, is not forgotten.
    pub fn reset(&self) {
        [&self.rest, &self.merged].into_iter().for_each(|tally| tally.counters.reset());
        self.merged_namespaces.store(0, Ordering::Relaxed);
        self.latency.iter().for_each(Histogram::reset);
        self.reset_at.store(clock::now().0, Ordering::Relaxed);
    }
}

/// The namespaces of this backend's database that have a place.
pub fn places() -> impl Iterator<Item = (String, &'static Tally)> {
    let database = area().map_or(0, |area| area.database.load(Ordering::Relaxed));
    let owned = place::all().iter().filter_map(|place| Some((place.owner()?, &place.tally)));
    owned.filter(move |((owner, _), _)| *owner == database).map(|((_, name), tally)| (name, tally))
}

/// What `read` makes of each of them. A place that got another owner meanwhile is left out: what was read there may be
/// of either.
pub fn read_places<R>(mut read: impl FnMut(String, &'static Tally) -> R) -> impl Iterator<Item = R> {
    let database = area().map_or(0, |area| area.database.load(Ordering::Relaxed));
    place::all().iter().filter_map(move |place| {
        // Before the name: it is of this generation, or is left out as well.
        let generation = place.tally.generation.load(Ordering::Acquire);
        let (_, name) = place.owner().filter(|(owner, _)| *owner == database)?;
        let read = read(name, &place.tally);
        fence(Ordering::Acquire);
        place.tally.is_still(generation).then_some(read)
    })
}

/// The tallies of this backend's database: the rest, what was merged, and those of its namespaces.
pub fn tallies() -> impl Iterator<Item = &'static Tally> {
    area().map(|area| [&area.rest, &area.merged]).into_iter().flatten().chain(places().map(|(_, tally)| tally))
}

/// All that is counted: for [`super::file`].
pub(super) fn everything() -> (&'static [Area], &'static [Place]) {
    (AREA.all(), place::all())
}
