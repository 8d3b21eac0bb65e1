//! Owns a model of cache_pg: where the rows of its table lie, in which order the hand meets them, and the array of
//! bytes.
//!
//! The decisions come from [`cache_pg_rules::eviction`]. Must never know more than the extension does: of a key, only
//! its byte.

use crate::policy::Policy;
use cache_pg_rules::eviction::{BYTES_AN_ENTRY, Cost, Level, Met, Place, Use, Verdict, judge, low_water, to_forget};

const NOWHERE: u32 = u32::MAX;

/// The parts of the policy, some of which a replay can leave out to see what they are worth.
#[derive(Debug, Clone, Copy)]
pub struct Parts {
    /// Bytes of the array for each entry.
    pub bytes_an_entry: usize,
    /// A fixed level.
    pub fixed: Option<u8>,
    /// Whether evicted keys leave marks.
    pub marks: bool,
    /// Whether large entries pay more.
    pub sizes: bool,
}

impl Parts {
    /// The whole policy.
    pub const ALL: Self = Self { bytes_an_entry: BYTES_AN_ENTRY, fixed: None, marks: true, sizes: true };
}

/// The model.
pub struct Heap {
    parts: Parts,
    limit: u64,
    /// A row by its place in the table: its key and weight. A freed row has no key.
    rows: Vec<(u32, u32)>,
    /// Free places; the hand left the last of them last.
    free: Vec<u32>,
    /// The place of the row of each key.
    row_of: Vec<u32>,
    hand: usize,
    weight: u64,
    bytes: Vec<u8>,
    /// The byte at which the removal of marks stopped.
    forgotten: usize,
    level: Level,
    judged: u64,
}

impl Heap {
    /// A cache with this `limit`, in which about `entries` entries fit, for a trace of `keys` keys.
    pub fn new(parts: Parts, limit: u64, entries: u64, keys: usize) -> Self {
        let bytes = vec![0; (entries as usize * parts.bytes_an_entry).max(64)];
        let (rows, free, row_of) = (Vec::new(), Vec::new(), vec![NOWHERE; keys]);
        let level = parts.fixed.map_or(Level::LEAST, Level::from_meetings);
        Self { parts, limit, rows, free, row_of, hand: 0, weight: 0, bytes, forgotten: 0, level, judged: 0 }
    }

    /// How many entries the hand has judged.
    pub fn judged(&self) -> u64 {
        self.judged
    }

    fn entries(&self) -> usize {
        self.rows.len() - self.free.len()
    }

    fn place(&self, key: u32) -> Place {
        Place::of(u64::from(key) + 1, self.bytes.len())
    }

    fn used(&self, byte: usize) -> Use {
        Use::from_bits(self.bytes[byte])
    }

    fn store(&mut self, byte: usize, used: Option<Use>) {
        if let Some(used) = used {
            self.bytes[byte] = used.bits();
        }
    }

    /// A new row takes the place that was freed last, which is just behind the hand, or the end of the table.
    fn insert(&mut self, key: u32, weight: u32) {
        let at = self.free.pop().unwrap_or(self.rows.len() as u32);
        match self.rows.get_mut(at as usize) {
            Some(row) => *row = (key, weight),
            None => self.rows.push((key, weight)),
        }
        self.row_of[key as usize] = at;
        self.weight += u64::from(weight);
    }

    fn remove(&mut self, at: usize) {
        let (key, weight) = std::mem::replace(&mut self.rows[at], (NOWHERE, 0));
        self.row_of[key as usize] = NOWHERE;
        self.weight -= u64::from(weight);
        self.free.push(at as u32);
    }

    fn evict(&mut self) {
        let enough = low_water(self.limit);
        let mean = self.weight / self.entries().max(1) as u64;
        let (mut met, mut of_turn, mut freed, mut turn) = (Met::default(), Met::default(), 0, self.entries());
        while self.weight > enough {
            let at = self.hand % self.rows.len();
            self.hand = at + 1;
            let (key, weight) = self.rows[at];
            if key == NOWHERE {
                continue;
            }
            let place = self.place(key);
            let cost = if self.parts.sizes { Cost::of(weight.into(), mean) } else { Cost::EVEN };
            let (verdict, used) = judge(self.used(place.byte), place, self.level, cost);
            met.add(verdict, weight.into());
            of_turn.add(verdict, weight.into());
            turn -= 1;
            if turn == 0 {
                self.level = self.level.after_turn(std::mem::take(&mut of_turn), self.weight);
                turn = self.entries();
            }
            self.judged += 1;
            self.store(place.byte, Some(used));
            if verdict != Verdict::Keep {
                self.remove(at);
                freed += 1;
                if !self.parts.marks {
                    self.store(place.byte, used.forgotten());
                }
            }
        }
        self.forget(freed);
        self.level = self.parts.fixed.map_or(self.level.after(met), Level::from_meetings);
    }

    /// Removes marks, from where it stopped last.
    fn forget(&mut self, evicted: u64) {
        for _ in 0..to_forget(evicted, self.entries() as u64, self.bytes.len()) {
            self.forgotten = (self.forgotten + 1) % self.bytes.len();
            self.store(self.forgotten, self.used(self.forgotten).forgotten());
        }
    }
}

impl Policy for Heap {
    fn request(&mut self, key: u32, weight: u32) -> bool {
        let place = self.place(key);
        let used = self.used(place.byte);
        if self.row_of[key as usize] != NOWHERE {
            self.store(place.byte, used.touched(self.level));
            return true;
        }
        self.store(place.byte, used.written(place, self.level));
        self.insert(key, weight);
        if self.weight > self.limit {
            self.evict();
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heap(limit: u64) -> Heap {
        Heap::new(Parts::ALL, limit, limit, 10_000)
    }

    #[test]
    fn what_is_read_outlives_what_is_not() {
        let mut heap = heap(100);
        (0..100).for_each(|key| assert!(!heap.request(key, 1)));
        (0..50).for_each(|key| assert!(heap.request(key, 1)));
        (100..150).for_each(|key| assert!(!heap.request(key, 1)));
        assert!((0..50).filter(|&key| heap.request(key, 1)).count() > 45);
    }

    #[test]
    fn there_is_never_more_than_the_limit_and_seldom_much_less() {
        let mut heap = heap(1_000);
        for key in 0..10_000 {
            heap.request(key, 1);
            assert!(heap.weight <= 1_000 && (key < 990 || heap.weight >= 990));
            assert_eq!(heap.weight, heap.entries() as u64);
        }
    }

    #[test]
    fn new_rows_take_what_was_freed_and_the_table_does_not_grow() {
        let mut heap = heap(1_000);
        (0..10_000).for_each(|key| _ = heap.request(key, 1));
        assert_eq!(heap.rows.len(), 1_001);
    }

    #[test]
    fn an_entry_larger_than_the_cache_does_not_stay() {
        let mut heap = heap(100);
        assert!(!heap.request(1, 1_000) && !heap.request(1, 1_000));
        assert_eq!(heap.weight, 0);
    }

    #[test]
    fn without_credit_or_marks_it_is_clock() {
        let mut heap = Heap::new(Parts { fixed: Some(1), marks: false, ..Parts::ALL }, 50, 1_000, 10_000);
        let mut clock = crate::policy::Clock::new(50, 10_000);
        let keys = crate::trace::zipf(1, 1.0, 1_000, 20_000);
        let hits = |policy: &mut dyn Policy| keys.iter().filter(|&&key| policy.request(key as u32, 1)).count();
        let (ours, theirs) = (hits(&mut heap) as f64, hits(&mut clock) as f64);
        assert!((ours / theirs - 1.0).abs() < 0.02, "{ours} {theirs}");
    }
}
