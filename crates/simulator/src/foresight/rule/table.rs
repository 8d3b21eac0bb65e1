//! Owns the bounded table of keys that most rules share: which key has which slot, and when it is due next.
//!
//! Must never hold more than a server could in shared memory: a slot has a fixed size.

use super::interface::Rule;
use crate::trace::mix;

/// Slots in the whole server.
pub const SLOTS: usize = 4_096;
/// Bytes of every slot besides the memory of the rule: the hash, the database, when it is due, and the text of the key,
/// without which no loader can be called. A key with a longer text is not foreseen.
pub const BYTES_OF_A_SLOT: usize = 8 + 4 + 4 + TEXT;
/// Bytes for the text of a key.
const TEXT: usize = 64;
/// Slots among which a key may choose.
const WAYS: usize = 8;
const NEVER: u32 = u32::MAX;
const NOBODY: u32 = u32::MAX;

/// The memory of a rule for one key.
pub trait Memory: Default + Clone {
    /// A read missed the key.
    fn missed(&mut self, minute: u32, ttl: u32);
    /// A foreseen value that was loaded at `loaded` has come to its end.
    fn ended(&mut self, loaded: u32, read: bool, ttl: u32);
    /// The first minute after this one at which to load the key.
    fn next(&self, after: u32, ttl: u32) -> Option<u32>;
    /// How promising the key is. The least promising makes room.
    fn worth(&self) -> u32;
    /// Bytes of a slot for it.
    const BYTES: usize;
}

/// The table.
pub struct Table<M> {
    ttl: u32,
    keys: Vec<u32>,
    due: Vec<u32>,
    /// Nothing is due before this minute.
    earliest: u32,
    seen: Vec<u32>,
    memories: Vec<M>,
}

impl<M: Memory> Table<M> {
    /// A table for values that live for `ttl` minutes.
    pub fn new(ttl: u32, slots: usize) -> Self {
        let memories = vec![M::default(); slots];
        Self {
            ttl,
            keys: vec![NOBODY; slots],
            due: vec![NEVER; slots],
            earliest: NEVER,
            seen: vec![0; slots],
            memories,
        }
    }

    fn ways(&self, key: u32) -> std::ops::Range<usize> {
        let set = mix(u64::from(key) + 1) as usize % (self.keys.len() / WAYS) * WAYS;
        set..set + WAYS
    }

    fn find(&self, key: u32) -> Option<usize> {
        self.ways(key).find(|&slot| self.keys[slot] == key)
    }

    fn plan(&mut self, slot: usize, after: u32) {
        self.due[slot] = self.memories[slot].next(after, self.ttl).unwrap_or(NEVER);
        self.earliest = self.earliest.min(self.due[slot]);
    }
}

impl<M: Memory> Rule for Table<M> {
    fn missed(&mut self, key: u32, minute: u32) {
        let slot = self.find(key).unwrap_or_else(|| {
            let least = |&slot: &usize| (self.keys[slot] != NOBODY, self.memories[slot].worth(), self.seen[slot]);
            let slot = self.ways(key).min_by_key(least).unwrap_or(0);
            self.keys[slot] = key;
            self.memories[slot] = M::default();
            slot
        });
        self.seen[slot] = minute;
        self.memories[slot].missed(minute, self.ttl);
        self.plan(slot, minute);
    }

    fn ended(&mut self, key: u32, loaded: u32, read: bool) {
        if let Some(slot) = self.find(key) {
            self.memories[slot].ended(loaded, read, self.ttl);
            // A load may follow at once.
            self.plan(slot, loaded + self.ttl - 1);
        }
    }

    fn due(&mut self, minute: u32, keys: &mut Vec<u32>) {
        if self.earliest > minute {
            return;
        }
        for slot in 0..self.keys.len() {
            if self.due[slot] <= minute {
                keys.push(self.keys[slot]);
                self.plan(slot, minute);
            }
        }
        self.earliest = self.due.iter().copied().min().unwrap_or(NEVER);
    }

    fn bytes(&self) -> usize {
        self.keys.len() * (BYTES_OF_A_SLOT + M::BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default, Clone)]
    struct Once(u32);

    impl Memory for Once {
        const BYTES: usize = 4;
        fn missed(&mut self, minute: u32, _: u32) {
            self.0 = minute;
        }
        fn ended(&mut self, _: u32, _: bool, _: u32) {}
        fn next(&self, after: u32, _: u32) -> Option<u32> {
            Some(self.0 + 10).filter(|&next| next > after)
        }
        fn worth(&self) -> u32 {
            self.0
        }
    }

    #[test]
    fn a_key_is_due_once_and_the_least_promising_makes_room() {
        let mut table = Table::<Once>::new(5, WAYS);
        (0..=WAYS as u32).for_each(|key| table.missed(key, key + 1));
        let mut keys = Vec::new();
        table.due(100, &mut keys);
        keys.sort_unstable();
        assert_eq!(keys, (1..=WAYS as u32).collect::<Vec<_>>());
        keys.clear();
        table.due(101, &mut keys);
        assert!(keys.is_empty());
    }
}
