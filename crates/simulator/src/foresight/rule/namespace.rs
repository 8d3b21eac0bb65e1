//! Owns the rule of the whole namespace: where most of its keys awoke at the same quarter of an hour of the week, all
//! its keys are loaded before it.
//!
//! Must never remember times of a single key.

use super::interface::Rule;
use super::table::{BYTES_OF_A_SLOT, SLOTS};
use crate::timed::WEEK;

const QUARTER: u32 = 15;
const QUARTERS: usize = (WEEK / QUARTER) as usize;

#[derive(Debug, Clone)]
struct Namespace {
    /// Its keys that a bounded table has room for.
    keys: Vec<u32>,
    /// The share of its keys that awoke within each quarter of an hour of the week, in the last weeks.
    profile: Vec<f32>,
    /// How many awoke in this quarter of an hour.
    awoke: u32,
}

/// The rule.
pub struct Namespaces {
    ttl: u32,
    of_key: Vec<u8>,
    known: Vec<bool>,
    free: usize,
    namespaces: Vec<Namespace>,
}

impl Namespaces {
    /// For keys of these namespaces, which live for `ttl` minutes.
    pub fn new(ttl: u32, of_key: &[u8]) -> Self {
        let count = of_key.iter().max().map_or(0, |&last| usize::from(last) + 1);
        let empty = Namespace { keys: Vec::new(), profile: vec![0.0; QUARTERS], awoke: 0 };
        Self {
            ttl,
            of_key: of_key.to_vec(),
            known: vec![false; of_key.len()],
            free: SLOTS,
            namespaces: vec![empty; count],
        }
    }

    fn awoke(&mut self, key: u32) {
        let namespace = &mut self.namespaces[usize::from(self.of_key[key as usize])];
        if !self.known[key as usize] && self.free > 0 {
            self.known[key as usize] = true;
            self.free -= 1;
            namespace.keys.push(key);
        }
        namespace.awoke += 1;
    }
}

impl Rule for Namespaces {
    fn missed(&mut self, key: u32, _: u32) {
        self.awoke(key);
    }

    fn ended(&mut self, key: u32, _: u32, read: bool) {
        if read {
            self.awoke(key);
        }
    }

    fn due(&mut self, minute: u32, keys: &mut Vec<u32>) {
        if !minute.is_multiple_of(QUARTER) {
            return;
        }
        let past = (minute / QUARTER) as usize + QUARTERS - 1;
        let ahead = self.ttl.div_ceil(QUARTER) as usize;
        for namespace in &mut self.namespaces {
            let share = std::mem::take(&mut namespace.awoke) as f32 / namespace.keys.len().max(1) as f32;
            let seen = &mut namespace.profile[past % QUARTERS];
            *seen = (*seen + share) / 2.0;
            let expected: f32 = (1..=ahead).map(|quarter| namespace.profile[(past + quarter) % QUARTERS]).sum();
            // Half of a half after one week: so the first week alone does not suffice.
            if expected >= 0.5 {
                keys.extend(&namespace.keys);
            }
        }
    }

    fn bytes(&self) -> usize {
        SLOTS * BYTES_OF_A_SLOT + self.namespaces.len() * QUARTERS * 4
    }
}
