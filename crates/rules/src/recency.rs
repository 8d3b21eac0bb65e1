//! Owns the form in which the memory of reads is kept in a file: what its first line says, and how it is taken up by a
//! memory of another size. Must never take up bytes that another version, or another server, would read differently.

use std::fmt;
use std::ops::RangeInclusive;

/// The number of the form. It changes with everything that gives a saved byte another meaning: the hash of a key, the
/// place of a hash, the content of a byte. A test holds examples of these.
pub const FORMAT: u32 = 1;

/// The first line of a file, without its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Title {
    /// How many bytes of the memory the file holds.
    pub bytes: u64,
    /// The system identifier of the cluster: other clusters give the numbers of its databases to databases of their
    /// own.
    pub server: u64,
}

/// Why a file is not taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// The line is not one of these.
    #[error("it is another kind of file")]
    OtherKind,
    /// Another version wrote it.
    #[error("it has format {0}, and this version of cache_pg reads format {FORMAT}")]
    OtherFormat(u32),
    /// Another cluster wrote it.
    #[error("it is a file of another server")]
    OtherServer,
}

impl fmt::Display for Title {
    fn fmt(&self, to: &mut fmt::Formatter) -> fmt::Result {
        write!(to, "cache_pg recency format {FORMAT} bytes {} server {}", self.bytes, self.server)
    }
}

impl Title {
    /// The title of a file that is to be taken up by this server.
    ///
    /// # Errors
    /// It is not of this server, or not of this form.
    pub fn parse(text: &str, server: u64) -> Result<Self, Unfit> {
        let words: Vec<_> = text.split(' ').collect();
        let ["cache_pg", "recency", "format", format, rest @ ..] = words.as_slice() else {
            return Err(Unfit::OtherKind);
        };
        match format.parse() {
            Ok(FORMAT) => {}
            Ok(other) => return Err(Unfit::OtherFormat(other)),
            Err(_) => return Err(Unfit::OtherKind),
        }
        let ["bytes", bytes, "server", owner] = rest else { return Err(Unfit::OtherKind) };
        let bytes = bytes.parse().map_err(|_| Unfit::OtherKind)?;
        if *owner == server.to_string() { Ok(Self { bytes, server }) } else { Err(Unfit::OtherServer) }
    }
}

/// Which bytes of a memory of `new` bytes may belong to the keys of byte number `byte` of a memory of `old` bytes. The
/// place of a key is the same fraction of every memory, so these are the bytes that this fraction touches.
pub fn spread(byte: u64, old: u64, new: u64) -> RangeInclusive<u64> {
    if old == new {
        return byte..=byte;
    }
    let end = ((byte + 1) * new).div_ceil(old.max(1));
    byte * new / old.max(1)..=end.saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eviction::{Cost, Level, Place, Use, judge};
    use crate::token::hash;

    #[test]
    fn a_title_is_read_as_it_was_written() {
        let title = Title { bytes: 8 << 20, server: 7_512_345_678_901_234_567 };
        let text = title.to_string();
        assert_eq!(text, "cache_pg recency format 1 bytes 8388608 server 7512345678901234567");
        assert_eq!(Title::parse(&text, title.server), Ok(title));
        assert_eq!(Title::parse(&text, 7), Err(Unfit::OtherServer));
        assert_eq!(Title::parse("cache_pg recency format 2 of another form", 7), Err(Unfit::OtherFormat(2)));
        for other in ["", "cache_pg 0.1.0 statistics (1, 2)", "cache_pg recency format x", "cache_pg recency format 1"]
        {
            assert_eq!(Title::parse(other, 7), Err(Unfit::OtherKind), "{other}");
        }
    }

    #[test]
    fn a_key_is_found_in_a_memory_of_another_size() {
        for (old, new) in [(8192, 8192), (8192, 1024), (8192, 65_536), (8192, 3000), (3000, 8192), (1, 7), (7, 1)] {
            for number in 0..2000 {
                let key = hash(&format!("key:{number}"));
                let (then, now) = (Place::of(key, old), Place::of(key, new));
                let spread = spread(then.byte as u64, old as u64, new as u64);
                assert!(spread.contains(&(now.byte as u64)), "{then:?} of {old}, {now:?} of {new}: {spread:?}");
                assert!(*spread.end() < new as u64 && spread.clone().count() <= new / old + 2, "{spread:?} of {new}");
            }
        }
    }

    /// Where this fails, a saved file means something else than before: give FORMAT the next number, then the examples.
    #[test]
    fn a_saved_byte_has_the_meaning_of_its_format() {
        let place = Place::of(hash("user:1") ^ 5_u64.rotate_left(32), 1 << 20);
        let read = Use::default().touched(Level::MOST).map(Use::bits);
        let (_, met) = judge(Use::from_bits(61), place, Level::MOST, Cost::EVEN);
        let (_, evicted) = judge(Use::default(), place, Level::MOST, Cost::EVEN);
        assert_eq!((FORMAT, place.byte, read, met.bits(), evicted.bits()), (1, 859_173, Some(61), 57, 158));
    }
}
