//! Owns hints: how the place of a row is packed into a word, and how a bucket of hints is searched.
//!
//! A hint says where the row of a key was last seen. It saves the index lookup where it is right. Must never be
//! trusted: its user checks that the row there belongs to the key.
//!
//! A hint is two words, written one after the other without a lock: the place, and the place mixed with the key's tag.
//! Halves of two different hints do not match (R. Hyatt, T. Mann, "A lock-less transposition table implementation for
//! parallel search", 2002).

/// How many hints are searched for a key: as many as fit into one cache line.
pub const WAYS: usize = 4;

/// The least and the most memory that [`memory_for`] gives hints, in bytes.
const MEMORY: (usize, usize) = (16 << 20, 1 << 30);

/// How many bytes of buffers there are for each byte of hints: a hint of 16 bytes for each 256 bytes of buffers. The
/// rows of a cache are rarely smaller.
const BUFFERS_A_BYTE: usize = 16;

const BUFFER_BITS: u32 = 23;
const ROW_BITS: u32 = 9;

/// The place of a row version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    /// The page of the table.
    pub page: u32,
    /// Which row of the page, from 1.
    pub row: u16,
    /// The buffer that held the page, from 1.
    pub buffer: u32,
}

impl Spot {
    /// The place as one word, never 0; None where it does not fit: beyond 64 GB of buffers of 8 kB each, or in larger
    /// pages.
    pub fn pack(self) -> Option<u64> {
        let Self { page, row, buffer } = self;
        let fits = buffer >> BUFFER_BITS == 0 && row >> ROW_BITS == 0 && buffer > 0 && row > 0;
        fits.then(|| (u64::from(page) << ROW_BITS | u64::from(row)) << BUFFER_BITS | u64::from(buffer))
    }

    fn unpack(word: u64) -> Option<Self> {
        let buffer = word as u32 & ((1 << BUFFER_BITS) - 1);
        let row = (word >> BUFFER_BITS) as u16 & ((1 << ROW_BITS) - 1);
        let page = (word >> (BUFFER_BITS + ROW_BITS)) as u32;
        (buffer > 0 && row > 0).then_some(Self { page, row, buffer })
    }
}

/// The memory for hints, in bytes, where PostgreSQL has so many bytes of buffers: enough for most of the rows that they
/// hold.
pub fn memory_for(buffers: usize) -> usize {
    (buffers / BUFFERS_A_BYTE).clamp(MEMORY.0, MEMORY.1)
}

/// The tag of a key's hints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag(u64);

/// A hint as it is stored. Zeroes are an empty one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hint {
    /// Where the row was seen.
    pub spot: u64,
    /// The same, mixed with the tag.
    pub check: u64,
}

impl Tag {
    /// The tag of a key with this hash, in this database.
    pub fn of(hash: u64, database: u32) -> Self {
        // Every bit of the hash affects every bit of the tag (the finalizer of MurmurHash3).
        let mixed = (hash ^ u64::from(database).rotate_left(32)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        let mixed = (mixed ^ mixed >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        Self(mixed ^ mixed >> 33)
    }

    /// The number of its bucket among `buckets`, which is not 0.
    pub fn bucket(self, buckets: usize) -> usize {
        ((u128::from(self.0) * buckets as u128) >> 64) as usize
    }

    /// The place in `hint`, if it is one of this key.
    pub fn spot(self, hint: Hint) -> Option<Spot> {
        if hint.spot ^ hint.check == self.0 { Spot::unpack(hint.spot) } else { None }
    }

    /// A hint to a place.
    pub fn hint(self, spot: Spot) -> Option<Hint> {
        spot.pack().map(|spot| Hint { spot, check: spot ^ self.0 })
    }

    /// Which hint of a bucket a new one replaces: that of the same key, else an empty one, else one at random.
    pub fn victim(self, bucket: &[Hint; WAYS]) -> usize {
        let own = bucket.iter().position(|hint| hint.spot ^ hint.check == self.0);
        let free = || bucket.iter().position(|hint| hint.spot == 0);
        own.or_else(free).unwrap_or(self.0 as usize % WAYS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    const SPOT: Spot = Spot { page: 7, row: 3, buffer: 11 };

    #[test]
    fn a_spot_comes_back_as_it_was() {
        for page in [0, 1, u32::MAX] {
            for row in [1, 291, 511] {
                for buffer in [1, (1 << BUFFER_BITS) - 1] {
                    let spot = Spot { page, row, buffer };
                    assert_eq!(spot.pack().and_then(Spot::unpack), Some(spot));
                }
            }
        }
    }

    #[test]
    fn memory_grows_with_the_buffers_within_bounds() {
        let memory = |megabytes: usize| memory_for(megabytes << 20) >> 20;
        assert_eq!([0, 128, 256, 512, 4096, 16_384, 65_536].map(memory), [16, 16, 16, 32, 256, 1024, 1024]);
    }

    #[test]
    fn what_has_no_room_is_no_hint() {
        for spot in [Spot { row: 0, ..SPOT }, Spot { row: 512, ..SPOT }, Spot { buffer: 0, ..SPOT }] {
            assert_eq!(spot.pack(), None, "{spot:?}");
        }
        assert_eq!(Spot { buffer: 1 << BUFFER_BITS, ..SPOT }.pack(), None);
    }

    #[test]
    fn zeroes_are_no_hint_even_to_a_tag_of_zeroes() {
        assert_eq!(Tag(0).spot(Hint::default()), None);
    }

    #[test]
    fn a_hint_is_understood_by_its_own_tag_alone() {
        let [tag, other] = [1, 2].map(|hash| Tag::of(hash, 5));
        let hint = tag.hint(SPOT).unwrap_or_default();
        assert_eq!(tag.spot(hint), Some(SPOT));
        assert_eq!(other.spot(hint), None);
        assert_eq!(Tag::of(1, 6).spot(hint), None, "another database");
    }

    #[test]
    fn halves_of_two_hints_are_none() {
        let tag = Tag::of(1, 5);
        let [one, two] = [7, 8].map(|page| tag.hint(Spot { page, ..SPOT }).unwrap_or_default());
        assert_eq!(tag.spot(Hint { spot: one.spot, check: two.check }), None);
    }

    #[test]
    fn a_new_hint_takes_the_place_of_the_old_one_of_its_key_or_of_none() {
        let tags: Vec<_> = (0..5).map(|hash| Tag::of(hash, 5)).collect();
        let mut bucket = [Hint::default(); WAYS];
        for tag in &tags[..WAYS] {
            let place = tag.victim(&bucket);
            assert_eq!(bucket[place], Hint::default());
            bucket[place] = tag.hint(SPOT).unwrap_or_default();
        }
        assert_eq!(bucket[tags[2].victim(&bucket)], tags[2].hint(SPOT).unwrap_or_default());
        assert!(tags[4].victim(&bucket) < WAYS);
    }

    #[test]
    fn keys_spread_over_the_buckets() {
        let hashes = (0..1000).map(|number: u32| crate::token::hash(&format!("k:{number}")));
        let used: HashSet<_> = hashes.map(|hash| Tag::of(hash, 5).bucket(1000)).collect();
        assert!(used.len() > 550 && used.iter().all(|&bucket| bucket < 1000), "{}", used.len());
    }
}
