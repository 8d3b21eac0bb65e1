//! Owns the changes that a transaction has made to its accounts, by subtransaction.
//!
//! A subtransaction that commits passes its changes to the enclosing one; one that is rolled back loses them. Must
//! never lose a change that was made outside of a subtransaction that is rolled back. A subtransaction is known by its
//! number. One whose beginning was not reported (the library was loaded within it) counts as the one in which every
//! change was made.

use std::collections::HashMap;
use std::hash::Hash;

/// Entries and bytes that were added, or removed where negative.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Change {
    /// Entries.
    pub entries: i64,
    /// Bytes that they take.
    pub bytes: i64,
}

impl Change {
    /// Whether nothing changed.
    pub fn is_none(self) -> bool {
        self == Self::default()
    }

    /// The sum with another one.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { entries: self.entries.saturating_add(other.entries), bytes: self.bytes.saturating_add(other.bytes) }
    }
}

/// The changes of a transaction, by account.
#[derive(Debug)]
pub struct Ledger<A> {
    /// In the order of their depth, which never exceeds the length of `open`.
    levels: Vec<Level<A>>,
    /// The subtransactions that have begun and not ended, the innermost last.
    open: Vec<u32>,
}

/// The changes made at one depth of subtransactions.
#[derive(Debug)]
struct Level<A> {
    depth: usize,
    /// The account that changed last: most transactions change one.
    last: (A, Change),
    others: HashMap<A, Change>,
}

impl<A: Copy + Eq + Hash> Level<A> {
    fn add(&mut self, account: A, change: Change) {
        if self.last.0 != account {
            let (before, sum) = std::mem::replace(&mut self.last, (account, Change::default()));
            self.others.insert(before, sum);
            self.last.1 = self.others.remove(&account).unwrap_or_default();
        }
        self.last.1 = self.last.1.and(change);
    }

    fn all(&self) -> impl Iterator<Item = (A, Change)> {
        self.others.iter().map(|(&account, &change)| (account, change)).chain([self.last])
    }
}

impl<A: Copy + Eq + Hash> Ledger<A> {
    /// An empty one.
    pub const fn new() -> Self {
        Self { levels: Vec::new(), open: Vec::new() }
    }

    /// A subtransaction begins.
    pub fn begin(&mut self, number: u32) {
        self.open.push(number);
    }

    /// Adds a change to an account.
    pub fn add(&mut self, account: A, change: Change) {
        let depth = self.open.len();
        match self.levels.last_mut() {
            Some(level) if level.depth == depth => level.add(account, change),
            _ => self.levels.push(Level { depth, last: (account, change), others: HashMap::new() }),
        }
    }

    /// A subtransaction commits: its changes stay.
    pub fn commit(&mut self, number: u32) {
        let depth = self.open.len();
        if self.open.last() != Some(&number) {
            return;
        }
        self.open.pop();
        let Some(mut inner) = self.levels.pop_if(|level| level.depth == depth) else { return };
        match self.levels.last_mut().filter(|level| level.depth == depth - 1) {
            Some(outer) => inner.all().for_each(|(account, change)| outer.add(account, change)),
            None => {
                inner.depth = depth - 1;
                self.levels.push(inner);
            }
        }
    }

    /// A subtransaction is rolled back: its changes are gone.
    pub fn roll_back(&mut self, number: u32) {
        let depth = self.open.len();
        if self.open.is_empty() {
            self.levels.clear();
        } else if self.open.last() == Some(&number) {
            self.open.pop();
            self.levels.pop_if(|level| level.depth == depth);
        }
    }

    /// The transaction has ended.
    pub fn clear(&mut self) {
        self.levels.clear();
        self.open.clear();
    }

    /// Whether there is no change.
    pub fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    /// All changes that were not rolled back; an account may come more than once.
    pub fn changes(&self) -> impl Iterator<Item = (A, Change)> {
        self.levels.iter().flat_map(Level::all)
    }

    /// The sum of the changes to the accounts for which `counts` is true.
    pub fn sum(&self, counts: impl Fn(A) -> bool) -> Change {
        self.changes().filter(|&(account, _)| counts(account)).fold(Change::default(), |sum, (_, more)| sum.and(more))
    }
}

impl<A: Copy + Eq + Hash> Default for Ledger<A> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ONE: Change = Change { entries: 1, bytes: 10 };

    fn held(ledger: &Ledger<u8>) -> Vec<i64> {
        (0..4).map(|account| ledger.sum(|it| it == account).entries).collect()
    }

    #[test]
    fn what_a_savepoint_has_added_goes_with_it() {
        let mut ledger = Ledger::new();
        ledger.add(0, ONE);
        ledger.begin(2);
        ledger.add(0, ONE);
        ledger.begin(3);
        ledger.add(1, ONE);
        ledger.commit(3);
        assert_eq!(held(&ledger), [2, 1, 0, 0]);
        ledger.roll_back(2);
        assert_eq!(held(&ledger), [1, 0, 0, 0]);
    }

    #[test]
    fn what_was_added_within_a_subtransaction_that_nobody_saw_begin_goes_with_it() {
        let mut ledger = Ledger::new();
        ledger.add(0, ONE);
        ledger.commit(7);
        assert_eq!(held(&ledger), [1, 0, 0, 0]);
        ledger.roll_back(6);
        assert!(ledger.is_empty());
    }

    #[test]
    fn one_that_never_began_takes_nothing_of_those_that_did() {
        let mut ledger = Ledger::new();
        ledger.begin(2);
        ledger.add(0, ONE);
        ledger.roll_back(3);
        ledger.commit(3);
        assert_eq!(held(&ledger), [1, 0, 0, 0]);
    }

    #[derive(Debug, Clone)]
    enum Event {
        Add(u8, i64),
        Begin,
        Commit,
        RollBack,
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            4 => (0_u8..4, -3_i64..4).prop_map(|(account, entries)| Event::Add(account, entries)),
            2 => Just(Event::Begin),
            1 => Just(Event::Commit),
            1 => Just(Event::RollBack),
        ]
    }

    proptest! {
        /// The model keeps a copy of all sums at the beginning of each subtransaction.
        #[test]
        fn it_holds_what_a_copy_at_each_savepoint_would(events in proptest::collection::vec(event(), 0..80)) {
            let mut ledger = Ledger::new();
            let mut sums = [0_i64; 4];
            let mut copies = Vec::new();
            for (number, event) in events.into_iter().enumerate() {
                match event {
                    Event::Add(account, entries) => {
                        ledger.add(account, Change { entries, bytes: 0 });
                        sums[usize::from(account)] += entries;
                    }
                    Event::Begin => {
                        ledger.begin(number as u32);
                        copies.push((number as u32, sums));
                    }
                    Event::Commit => if let Some((number, _)) = copies.pop() {
                        ledger.commit(number);
                    },
                    Event::RollBack => if let Some((number, copy)) = copies.pop() {
                        ledger.roll_back(number);
                        sums = copy;
                    },
                }
                prop_assert_eq!(held(&ledger), sums.to_vec());
            }
        }
    }
}
