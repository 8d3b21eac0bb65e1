//! Eviction: which entries go when there are too many.
//!
//! A hand goes round the table and meets each entry in turn (CLOCK, Corbató 1968); of each key one byte is remembered,
//! in an array that is addressed by the key's hash. Owns what a byte says, what a read and a write make of it, the
//! verdict of the hand, and when it may stop. Must never need more than that byte: an entry's row is not written to
//! note that it was read, and two keys that share a byte cost a hit now and then, never a wrong answer.
//!
//! The policy:
//!
//! 1. A read gives its key the full credit, which is the level: so many meetings with the hand. It stores once between
//!    two meetings at most, so a hot key costs a load.
//! 2. A new entry has no credit. The hand evicts what has none, and takes a meeting's worth from what has some.
//! 3. An evicted key leaves a mark. What is written again while its mark lives starts with half the credit (the ghosts
//!    of ARC and S3-FIFO, in the byte of the key).
//! 4. The level rises while the hand evicts more than [`PROBATION`] of what it meets. So entries that were read come to
//!    fill most of the table, turns get short, and what was never read goes soon: the small queue of S3-FIFO (Yang et
//!    al., 2023), without a queue.
//! 5. It falls when less is evicted, and when more than [`IN_VAIN`] of that had been read: then credit is too long for
//!    what is popular now.
//! 6. Where bytes are limited, a meeting costs an entry in proportion to its size.
//! 7. A whole turn that is not enough halves the level, so the hand comes to an end however fast others read.
//!
//! Every constant was chosen by replaying traces: `docs/eviction.md`.

/// The share of what it meets that the hand would like to evict: the part of the table that is held by entries which
/// nobody has read yet.
pub const PROBATION: f64 = 0.1;
/// The share of what is evicted that may have been read before, or the level falls.
pub const IN_VAIN: f64 = 0.3;
/// How many times the entries in the table may be evicted while a mark lives.
pub const MARKS_LIVE: f64 = 1.5;
/// Where the hand stops when it has to evict, as a share of the limit.
pub const LOW_WATER: f64 = 0.99;
/// Bytes of the array for each entry that is expected. Half as many cost a point of hits, twice as many gain half a
/// one.
pub const BYTES_AN_ENTRY: usize = 8;
/// Credit is counted in quarters of a meeting, so that small entries can pay less than a whole one.
const MEETING: u8 = 4;

/// Where in the array a key has its byte, and what tells it from others that have the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The number of the byte.
    pub byte: usize,
    tag: u8,
}

impl Place {
    /// In an array of `bytes` bytes, by any hash of the key: its bits are stirred here.
    pub fn of(hash: u64, bytes: usize) -> Self {
        let hash = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let hash = (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let byte = ((u128::from(hash) * bytes as u128) >> 64) as usize;
        Self { byte, tag: (hash >> 8) as u8 }
    }
}

/// What is remembered of a key: the credit of an entry, or the mark of one that was evicted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Use(u8);

impl Use {
    /// Set: a mark, and the other bits are the tag of the key that left it. Not set: they are a credit.
    const MARK: u8 = 0b1000_0000;

    /// From the byte in the array. Every byte is one.
    pub fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// As the byte in the array.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// What a read that found the entry must store; None: nothing, which is the usual case.
    pub fn touched(self, level: Level) -> Option<Self> {
        (self.credit() < level.credit()).then_some(Self(level.credit()))
    }

    /// What writing an entry that was not there must store; None: nothing. A mark is used up by its key and makes room
    /// for another. A credit is left alone, because an entry of another key may live by it.
    pub fn written(self, place: Place, level: Level) -> Option<Self> {
        let start = if self == Self::mark(place) { level.half().credit() } else { 0 };
        self.is_mark().then_some(Self(start))
    }

    /// Without the mark; None: there is none.
    pub fn forgotten(self) -> Option<Self> {
        self.is_mark().then_some(Self(0))
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

/// What becomes of an entry that the hand has met.
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

/// What a meeting costs an entry, in quarters of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost(u8);

impl Cost {
    /// Where entries are limited: a meeting, whatever the size.
    pub const EVEN: Self = Self(MEETING);

    /// Where bytes are limited: in proportion to the size of the entry over the mean of all, a quarter at least.
    pub fn of(size: u64, mean: u64) -> Self {
        let quarters = size.saturating_mul(MEETING.into()) / mean.max(1);
        Self(quarters.clamp(1, u8::MAX.into()) as u8)
    }
}

/// The verdict on an entry that lies at `place` in the array, and what is remembered there from now on. The level caps
/// a credit that was given when it was higher.
pub fn judge(used: Use, place: Place, level: Level, cost: Cost) -> (Verdict, Use) {
    let credit = used.credit().min(level.credit());
    if credit > cost.0 {
        (Verdict::Keep, Use(credit - cost.0))
    } else {
        let in_vain = credit > 0 && cost.0 <= MEETING;
        (Verdict::Evict { in_vain }, Use::mark(place))
    }
}

/// What the hand met while it evicted down to the low-water mark, in the unit of the limit: entries or bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Met {
    /// What it judged.
    pub judged: u64,
    /// What it evicted of that.
    pub evicted: u64,
    /// What had been read of that, in vain.
    pub in_vain: u64,
}

impl Met {
    /// Counts a verdict on an entry of this weight: 1 where entries are counted, its bytes where these are.
    pub fn add(&mut self, verdict: Verdict, weight: u64) {
        self.judged += weight;
        if let Verdict::Evict { in_vain } = verdict {
            self.evicted += weight;
            self.in_vain += if in_vain { weight } else { 0 };
        }
    }
}

/// How many meetings with the hand a read is worth: from [`Level::LEAST`] to [`Level::MOST`], and less in need only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level(u8);

impl Level {
    /// One meeting: plain CLOCK.
    pub const LEAST: Self = Self(1);
    /// The most meetings. More helps with loops, and costs the hand more of them.
    pub const MOST: Self = Self(15);

    /// From a number; one that is too large becomes the most.
    pub fn from_meetings(meetings: u8) -> Self {
        Self(meetings.min(Self::MOST.0))
    }

    /// As a number, for a word in shared memory.
    pub fn meetings(self) -> u8 {
        self.0
    }

    /// The level after the hand has evicted down to the low-water mark and met this.
    pub fn after(self, met: Met) -> Self {
        let (evicted, in_vain) = (met.evicted as f64, met.in_vain as f64);
        let rises = evicted > PROBATION * met.judged as f64 && in_vain <= IN_VAIN * evicted;
        Self((if rises { self.0 + 1 } else { self.0.saturating_sub(1) }).clamp(Self::LEAST.0, Self::MOST.0))
    }

    /// The level when a whole turn was not enough. Readers may give credit faster than the hand takes it; at nothing,
    /// which comes after four turns, it evicts what it meets.
    pub fn after_turn(self) -> Self {
        Self(self.0 / 2)
    }

    fn half(self) -> Self {
        Self(self.0.div_ceil(2))
    }

    /// A quarter more than the meetings cost: what was read is evicted with something left, and so is known.
    fn credit(self) -> u8 {
        self.0 * MEETING + 1
    }
}

/// How far the hand evicts once there is more than `limit`, in the unit of the limit: to the low-water mark, and by one
/// at least.
pub fn low_water(limit: u64) -> u64 {
    ((limit as f64 * LOW_WATER) as u64).min(limit.saturating_sub(1))
}

/// From how many bytes of the array, going round, the hand must take the marks when it has evicted `evicted` entries
/// and `left` are left.
pub fn to_forget(evicted: u64, left: u64, bytes: usize) -> usize {
    let share = evicted as f64 / (left.max(1) as f64 * MARKS_LIVE);
    (share.min(1.0) * bytes as f64).ceil() as usize
}

#[cfg(test)]
mod tests;
