//! Owns eviction: what one byte remembers of a key, how a read and a write change it, the verdict on an entry, and when
//! evicting may stop.
//!
//! A hand goes round the table and meets each entry in turn (CLOCK, Corbató 1968). An array, addressed by the key's
//! hash, holds one byte for each key. Must never need more than that byte: a read does not write to the entry's row.
//! Two keys that share a byte cost a hit now and then, never a wrong answer.
//!
//! The policy:
//!
//! 1. A read gives its key the full credit, which is the level: a number of meetings with the hand. It stores the byte
//!    at most once between two meetings, so a hot key costs only a load.
//! 2. A new entry has no credit. The hand evicts an entry without credit, and takes one meeting's worth from any other.
//! 3. An evicted key leaves a mark. A key that is written again while its mark lives starts with half the credit (the
//!    ghosts of ARC and S3-FIFO, in the byte of the key).
//! 4. The level rises while the hand evicts more than [`PROBATION`] of what it meets. So entries that were read come to
//!    fill most of the table, turns get short, and an entry that was never read goes soon: the small queue of S3-FIFO
//!    (Yang et al., 2023), without a queue.
//! 5. The level falls when the hand evicts less than that, and when more than [`IN_VAIN`] of what it evicts had been
//!    read: then credit lasts too long for what is popular now.
//! 6. Where bytes are limited, a meeting costs an entry in proportion to its size.
//! 7. The level changes at the low-water mark, and after each hundredth evicted: writers may keep the hand from there.
//! 8. A whole turn that evicts too little halves the level, so the hand comes to an end however fast others read.
//!
//! The byte also tells whether an entry was read since it was stored, for refresh ahead: only a read gives the full
//! credit, and where it matters a store takes a quarter of a meeting away.
//!
//! Every constant was chosen by replaying traces: `docs/eviction.md`.

/// The share of the entries it meets that the hand aims to evict: the part of the table for entries that were
/// not read yet.
pub const PROBATION: f64 = 0.1;
/// The share of evicted entries that may have been read; above it the level falls.
pub const IN_VAIN: f64 = 0.3;
/// How long a mark lives: until this multiple of the entries in the table has been evicted.
pub const MARKS_LIVE: f64 = 1.5;
/// Where evicting stops, as a share of the limit.
pub const LOW_WATER: f64 = 0.99;
/// Bytes of the array for each expected entry. Half as many cost a point of hits; twice as many gain half a point.
pub const BYTES_AN_ENTRY: usize = 8;
/// Credit is counted in quarters of a meeting, so that a small entry can pay less than a whole one.
const MEETING: u8 = 4;

/// The byte of a key in the array, and the tag that tells the key from others that share the byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The number of the byte.
    pub byte: usize,
    tag: u8,
}

impl Place {
    /// The place in an array of `bytes` bytes, for any hash of the key: this mixes its bits.
    pub fn of(hash: u64, bytes: usize) -> Self {
        let hash = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let hash = (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let byte = ((u128::from(hash) * bytes as u128) >> 64) as usize;
        Self { byte, tag: (hash >> 8) as u8 }
    }
}

/// The content of the byte: the credit of an entry, or the mark of an evicted one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Use(u8);

impl Use {
    /// Set: the other bits are the tag of the evicted key. Not set: they are a credit.
    const MARK: u8 = 0b1000_0000;

    /// From the byte in the array. Every byte is valid.
    pub fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// As the byte for the array.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// The byte to store after a read that found the entry; None in the usual case: nothing to store.
    pub fn touched(self, level: Level) -> Option<Self> {
        (self.credit() < level.credit()).then_some(Self(level.credit()))
    }

    /// Whether its entry was read since [`Use::unread`] was stored.
    pub fn is_read(self, level: Level) -> bool {
        self.credit() >= level.credit()
    }

    /// The byte that tells a later read from those until now; None: nothing to store.
    pub fn unread(self, level: Level) -> Option<Self> {
        self.is_read(level).then_some(Self(level.credit() - 1))
    }

    /// The byte to store after writing an entry that was not there; None: nothing to store. The key uses its own mark
    /// up and makes room for another. A credit stays, because an entry of another key may depend on it.
    pub fn written(self, place: Place, level: Level) -> Option<Self> {
        let start = if self == Self::mark(place) { level.half().credit() } else { 0 };
        self.is_mark().then_some(Self(start))
    }

    /// The byte without its mark; None where it holds none.
    pub fn forgotten(self) -> Option<Self> {
        self.is_mark().then_some(Self(0))
    }

    /// One byte in place of two: the higher credit, rather than a mark, rather than nothing.
    pub fn merged(self, other: Self) -> Self {
        if other.credit() > self.credit() || self.0 == 0 { other } else { self }
    }

    fn mark(place: Place) -> Self {
        Self(Self::MARK | place.tag)
    }

    fn is_mark(self) -> bool {
        self.0 & Self::MARK != 0
    }

    fn credit(self) -> u8 {
        if self.is_mark() { 0 } else { self.0 }
    }
}

/// The verdict on an entry that the hand meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It stays.
    Keep,
    /// It goes.
    Evict {
        /// Whether it had been read, and did not pay more than others for its size.
        in_vain: bool,
    },
}

/// The price of a meeting, in quarters of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost(u8);

impl Cost {
    /// Where entries are limited: one meeting, whatever the size.
    pub const EVEN: Self = Self(MEETING);

    /// Where bytes are limited: in proportion to the entry's size over the mean size, at least a quarter.
    pub fn of(size: u64, mean: u64) -> Self {
        let quarters = size.saturating_mul(MEETING.into()) / mean.max(1);
        Self(quarters.clamp(1, u8::MAX.into()) as u8)
    }
}

/// The verdict on the entry at `place`, and the byte to store there. The level caps a credit of a higher level.
pub fn judge(used: Use, place: Place, level: Level, cost: Cost) -> (Verdict, Use) {
    let credit = used.credit().min(level.credit());
    if credit > cost.0 {
        (Verdict::Keep, Use(credit - cost.0))
    } else {
        let in_vain = credit > 0 && cost.0 <= MEETING;
        (Verdict::Evict { in_vain }, Use::mark(place))
    }
}

/// The result of a batch or of a turn, in the unit of the limit: entries or bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Met {
    /// Judged.
    pub judged: u64,
    /// Evicted, of those.
    pub evicted: u64,
    /// Evicted although they had been read.
    pub in_vain: u64,
}

impl Met {
    /// Adds a verdict on an entry of this weight: 1 where entries are limited, its bytes where bytes are.
    pub fn add(&mut self, verdict: Verdict, weight: u64) {
        self.judged += weight;
        if let Verdict::Evict { in_vain } = verdict {
            self.evicted += weight;
            self.in_vain += if in_vain { weight } else { 0 };
        }
    }

    /// Whether this is a batch for a cache that holds `held`, although there is still too much.
    pub fn is_batch(self, held: u64) -> bool {
        self.evicted >= (held - low_water(held)).max(1)
    }

    fn is_plenty(self) -> bool {
        self.evicted as f64 > PROBATION * self.judged as f64
    }
}

/// How many meetings a read is worth: [`Level::LEAST`] to [`Level::MOST`], or 0 after turns that evict too little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level(u8);

impl Level {
    /// One meeting: plain CLOCK.
    pub const LEAST: Self = Self(1);
    /// The most meetings. A higher limit helps with loops, and costs more sweeping.
    pub const MOST: Self = Self(15);

    /// From a number, at most [`Level::MOST`].
    pub fn from_meetings(meetings: u8) -> Self {
        Self(meetings.min(Self::MOST.0))
    }

    /// As a number, for a word in shared memory.
    pub fn meetings(self) -> u8 {
        self.0
    }

    /// The level after a batch with this result.
    pub fn after(self, met: Met) -> Self {
        let rises = met.is_plenty() && met.in_vain as f64 <= IN_VAIN * met.evicted as f64;
        Self((if rises { self.0 + 1 } else { self.0.saturating_sub(1) }).clamp(Self::LEAST.0, Self::MOST.0))
    }

    /// The level after a whole turn with this result, at whose end there is still too much of what is `held`. Readers
    /// may give credit faster than the hand takes it. At 0, after four turns without a batch, every entry is evicted.
    pub fn after_turn(self, met: Met, held: u64) -> Self {
        let least = if met.is_batch(held) { Self::LEAST.0 } else { 0 };
        Self(if met.is_plenty() { self.0 } else { self.0 / 2 }.max(least))
    }

    fn half(self) -> Self {
        Self(self.0.div_ceil(2))
    }

    /// A quarter more than the meetings cost: an entry that was read is evicted with something left, which shows that
    /// it was read.
    fn credit(self) -> u8 {
        self.0 * MEETING + 1
    }
}

/// Where evicting stops once there is more than `limit`: the low-water mark, at least one below the limit.
pub fn low_water(limit: u64) -> u64 {
    ((limit as f64 * LOW_WATER) as u64).min(limit.saturating_sub(1))
}

/// From how many bytes of the array, going round it, the marks must be removed after `evicted` entries were evicted and
/// `left` are left.
pub fn to_forget(evicted: u64, left: u64, bytes: usize) -> usize {
    let share = evicted as f64 / (left.max(1) as f64 * MARKS_LIVE);
    (share.min(1.0) * bytes as f64).ceil() as usize
}

#[cfg(test)]
mod tests;
