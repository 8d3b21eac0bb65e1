//! The choice of the entries that are evicted.
//!
//! Owns, while room is needed, how much is to be evicted, of which namespaces, and the verdict on each row. A value
//! past its deadline and within its grace is judged like any other. Must never choose a row without a value: the fence
//! needs tombstones and placeholders.

use super::entries::{Entries, Evicting};
use super::estimate;
use crate::catalog::{ExtensionTables, column};
use crate::entry::{NEVER, written_at};
use crate::evict::{ghosts, growth, pending, recency};
use crate::pg::{Timestamp, clock};
use crate::stats::{Counter, DatabaseStats, NamespaceStats, bounded};
use crate::{heap::Row, namespaces, settings};
use cache_pg_rules::eviction::{Cost, Met, Verdict, judge};
use cache_pg_rules::{key::Key, limit::Held, namespace::Namespace, places::Claim, step::Step};
use std::{cell::Cell, collections::HashMap, sync::atomic::Ordering};

/// The greatest age that counts for an entry: a year. Plain SQL can write any.
const LONGEST_AGE: i64 = 366 * 86_400_000_000;

/// What is to be evicted: from the whole cache, and from namespaces with limits of their own.
pub struct Evictor {
    excess: Held,
    /// By namespace, for those with limits of their own: what is to be evicted of each.
    by_namespace: HashMap<String, Held>,
    /// The content of what is too large, in the unit of the verdicts: entries, or bytes if only these are short.
    held: u64,
    /// Whether only bytes are short. Then a large entry costs more.
    is_short_of_bytes: bool,
    /// The mean size of an entry, in bytes.
    mean_size: u64,
    /// The verdicts on the current page,
    met: Cell<Met>,
    /// and how much of it was evicted, in their unit.
    freed: u64,
}

impl Evictor {
    /// Finds out what is to be evicted. None: nothing.
    pub fn of(tables: &ExtensionTables) -> Option<Self> {
        let database = DatabaseStats::mine()?;
        let held = pending::held(database);
        let excess = settings::limits().excess(held);
        let is_short_of_bytes = excess.bytes > 0 && excess.entries == 0;
        let limited = NamespaceStats::read_named(|name, stats| {
            let limits = Namespace::parse(&name).map(|it| namespaces::limits(tables, it));
            let held = pending::held_of(stats);
            let excess = limits.ok()?.excess(held);
            (!excess.is_empty()).then_some((held.entries, (name, excess)))
        });
        let (entries, by_namespace): (Vec<u64>, HashMap<_, _>) =
            if namespaces::has_limits(tables) { limited.flatten().unzip() } else { Default::default() };
        if excess.is_empty() && by_namespace.is_empty() {
            return None;
        }
        Some(Self {
            excess,
            by_namespace,
            held: match () {
                () if excess.is_empty() => entries.into_iter().sum(),
                () if is_short_of_bytes => held.bytes,
                () => held.entries,
            },
            is_short_of_bytes,
            mean_size: held.bytes / held.entries.max(1),
            met: Cell::default(),
            freed: 0,
        })
    }

    /// Goes on where the last eviction by the sweeper or a writer stopped, reads up to `pages` pages, and removes up to
    /// `most` rows. If the gauges turn out to say more than there is, it corrects them and removes nothing; the caller
    /// then asks anew. Runs under the active snapshot.
    pub fn evict_pages(&mut self, entries: &Entries, pages: u32, most: u32) -> Step {
        let mut step = Step { pages: entries.pages(), ..Step::default() };
        let Some(database) = DatabaseStats::mine().filter(|_| step.pages > 0) else { return step };
        let amounts = self.amounts();
        if amounts.iter().zip(&database.believed).any(|(&amount, left)| amount > 0 && left.load(Ordering::Relaxed) <= 0)
        {
            if estimate::correct_overstated(entries) {
                return step;
            }
            amounts.iter().zip(&database.believed).for_each(|(&amount, left)| left.store(amount, Ordering::Relaxed));
        }
        for _ in 0..pages.min(step.pages) {
            if step.removed >= most || !self.needs_more() {
                break;
            }
            let page = database.pass_page(step.pages);
            step.add(entries.walk(page, page + 1, u32::MAX, clock::now(), Some(self)));
            self.adjust_level(database, step.pages);
        }
        step
    }

    /// Adjusts how long entries are kept, by the verdicts of the batch and of the turn.
    fn adjust_level(&mut self, database: &DatabaseStats, pages: u32) {
        // A row stays if a foreign key points at it or a transaction holds it.
        let met = Met { evicted: std::mem::take(&mut self.freed), ..self.met.take() };
        database.turn.add(met);
        let is_enough = !self.needs_more();
        let is_batch = |met: Met| is_enough || met.is_batch(self.held);
        // At level 0 every entry goes, until there is room or the turn is over.
        if is_batch(database.batch.add(met)) && (is_enough || database.level().meetings() > 0) {
            let batch = database.batch.take();
            // Another session may have taken it.
            if is_batch(batch) {
                database.set_level(database.level().after(batch));
                let evictions = database.evictions.load(Ordering::Relaxed);
                let then = database.evictions_then.swap(evictions, Ordering::Relaxed);
                recency::decay(database, evictions.saturating_sub(then), database.total.held().entries);
            }
        }
        let is_turn_over = database.count_in_turn(pages) == 0;
        if is_enough {
            // The next eviction checks the gauges again, and begins a turn.
            database.believed.iter().for_each(|left| left.store(0, Ordering::Relaxed));
            database.turn.take();
            database.turn_left.store(0, Ordering::Relaxed);
        } else if is_turn_over {
            database.set_level(database.level().after_turn(database.turn.take(), self.held));
        }
    }

    /// About how many entries are to be evicted for the limits of the cache, and for those of namespaces.
    fn amounts(&self) -> [i64; 2] {
        let of = |excess: &Held| excess.entries.max(excess.bytes.div_ceil(self.mean_size.max(1)));
        let own = self.by_namespace.values().map(of).fold(0, u64::saturating_add);
        [of(&self.excess), own].map(|amount| amount.try_into().unwrap_or(i64::MAX))
    }

    /// Whether more is to be evicted.
    pub fn needs_more(&self) -> bool {
        !self.excess.is_empty() || self.by_namespace.values().any(|excess| !excess.is_empty())
    }
}

impl Evicting for Evictor {
    fn wants(&self, row: &Row) -> bool {
        let Some(key) = row.text(column::KEY) else { return false };
        let own = Key::parse(key).ok().and_then(|key| self.by_namespace.get(key.namespace().as_str()));
        if self.excess.is_empty() && own.is_none_or(|excess| excess.is_empty()) {
            return false;
        }
        // Without memory of reads, all entries are equal.
        let Some((database, (byte, place))) =
            DatabaseStats::mine().and_then(|database| Some((database, recency::of(database, key)?)))
        else {
            return true;
        };
        let (cost, weight) = if self.is_short_of_bytes {
            let size = growth::weight_of(key, row) as u64;
            (Cost::of(size, self.mean_size), size)
        } else {
            (Cost::EVEN, 1)
        };
        let (verdict, used) = judge(byte.get(), place, database.level(), cost);
        byte.set(used);
        let mut met = self.met.get();
        met.add(verdict, weight);
        self.met.set(met);
        verdict != Verdict::Keep
    }

    fn evicted(&mut self, row: &Row, now: Timestamp) {
        let Some(key) = row.text(column::KEY) else { return };
        if let Some(database) = DatabaseStats::mine() {
            for left in &database.believed {
                left.fetch_sub(1, Ordering::Relaxed);
            }
        }
        let bytes = growth::weight_of(key, row) as u64;
        self.freed += if self.is_short_of_bytes { bytes } else { 1 };
        self.excess = self.excess.without(bytes);
        let Ok(key) = Key::parse(key) else { return };
        if let Some(own) = self.by_namespace.get_mut(key.namespace().as_str()) {
            *own = own.without(bytes);
        }
        record_eviction(key, row, now);
    }
}

/// Counts an evicted entry, and leaves its ghost.
pub fn record_eviction(key: Key, row: &Row, now: Timestamp) {
    let expires_at = row.datum(column::EXPIRES_AT).map_or(now.0, |datum| datum.value() as i64);
    ghosts::remember(key, Timestamp(expires_at));
    if let Some(stats) = NamespaceStats::of(key.namespace(), Claim::Found) {
        stats.counters.add(Counter::Evicted, 1);
        let age = Some(written_at(row, now)).filter(|&at| at != NEVER).map_or(0, |at| now.0.saturating_sub(at.0));
        stats.counters.add(Counter::EvictedAge, bounded(age, LONGEST_AGE));
    }
}
