//! Owns a doubly linked list over keys that are small numbers, and the weight of its keys.
//!
//! Must never hold a key twice.

const NONE: u32 = u32::MAX;

/// A list; new keys enter at its front.
#[derive(Debug)]
pub struct List {
    links: Vec<Link>,
    front: u32,
    back: u32,
    weight: u64,
    length: usize,
}

#[derive(Debug, Clone, Copy)]
struct Link {
    newer: u32,
    older: u32,
    weight: u32,
    held: bool,
}

impl List {
    /// An empty list for keys from 0 to `keys` - 1.
    pub fn new(keys: usize) -> Self {
        let link = Link { newer: NONE, older: NONE, weight: 0, held: false };
        Self { links: vec![link; keys], front: NONE, back: NONE, weight: 0, length: 0 }
    }

    /// Whether the key is in the list.
    pub fn holds(&self, key: u32) -> bool {
        self.links[key as usize].held
    }

    /// The weight of all its keys.
    pub fn weight(&self) -> u64 {
        self.weight
    }

    /// The weight of a key in the list.
    pub fn weight_of(&self, key: u32) -> u32 {
        self.links[key as usize].weight
    }

    /// How many keys there are.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The oldest key.
    pub fn back(&self) -> Option<u32> {
        Some(self.back).filter(|&key| key != NONE)
    }

    /// The key that entered after this one.
    pub fn newer(&self, key: u32) -> Option<u32> {
        Some(self.links[key as usize].newer).filter(|&key| key != NONE)
    }

    /// Puts a key that is not in the list at the front.
    pub fn push(&mut self, key: u32, weight: u32) {
        self.links[key as usize] = Link { newer: NONE, older: self.front, weight, held: true };
        match self.front {
            NONE => self.back = key,
            front => self.links[front as usize].newer = key,
        }
        self.front = key;
        self.weight += u64::from(weight);
        self.length += 1;
    }

    /// Puts a key that is not in the list at the front, after `evict` has made room for it. A key that is heavier than
    /// the whole `limit` stays out.
    pub fn admit(&mut self, key: u32, weight: u32, limit: u64, mut evict: impl FnMut(&mut Self)) {
        if u64::from(weight) <= limit {
            while self.weight + u64::from(weight) > limit {
                evict(self);
            }
            self.push(key, weight);
        }
    }

    /// Removes a key that is in the list.
    pub fn remove(&mut self, key: u32) {
        let link =
            std::mem::replace(&mut self.links[key as usize], Link { newer: NONE, older: NONE, weight: 0, held: false });
        match link.newer {
            NONE => self.front = link.older,
            newer => self.links[newer as usize].older = link.older,
        }
        match link.older {
            NONE => self.back = link.newer,
            older => self.links[older as usize].newer = link.newer,
        }
        self.weight -= u64::from(link.weight);
        self.length -= 1;
    }

    /// Removes the oldest key.
    pub fn pop(&mut self) -> Option<u32> {
        let key = self.back()?;
        self.remove(key);
        Some(key)
    }

    /// Moves a key that is in the list to the front.
    pub fn renew(&mut self, key: u32) {
        let weight = self.weight_of(key);
        self.remove(key);
        self.push(key, weight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_leave_in_the_order_in_which_they_came_or_were_renewed() {
        let mut list = List::new(4);
        (0..4).for_each(|key| list.push(key, 10));
        list.renew(0);
        list.remove(2);
        assert_eq!((list.weight(), list.length(), list.newer(1)), (30, 3, Some(3)));
        assert_eq!(std::iter::from_fn(|| list.pop()).collect::<Vec<_>>(), [1, 3, 0]);
        assert!(!list.holds(0) && list.weight() == 0);
    }
}
