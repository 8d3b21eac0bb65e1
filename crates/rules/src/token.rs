//! Owns the text form of the token that a miss returns and a fill sends back.
//!
//! Clients cannot read it; a secret authenticates it when it comes back. It says which transactions the value may have
//! been computed from, for which key, under which lease, and when. Must never be accepted for another key, nor where
//! the server did not make it.
//!
//! The form is base64 (RFC 4648, URL-safe, without padding) of: a format number, a keyed hash of the key, the start of
//! the lease and its length in microseconds, the lease's number, the run of the server, the snapshot (`xmin`, then the
//! distances to `xmax` and between the running transactions as LEB128), and a keyed hash of all that.

use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::ops::RangeInclusive;

/// The first byte: a later format gets another.
const FORMAT: u8 = 2;

/// How long a lease may be, in microseconds: up to a day, as the setting `cache_pg.lease`.
const LEASES: RangeInclusive<i64> = 1..=86_400_000_000;

/// For how many leases a token is good: its holder may be late if no other caller has taken the lease.
const HONOURED_LEASES: i64 = 2;

/// Why a text is not a token for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// `cache_fetch` of this server did not make it, or it was cut short.
    #[error("it is malformed")]
    Malformed,
    /// Made for another key.
    #[error("it was issued for another key")]
    OtherKey,
}

/// The content of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// When the lease was taken, in microseconds as PostgreSQL counts.
    pub issued_at: i64,
    /// How long the lease is, in microseconds.
    pub lease: i64,
    /// The number of the lease.
    pub lease_id: i64,
    /// The run of the server in which it was issued.
    pub server_run: u64,
    /// The oldest transaction that was running.
    pub xmin: u64,
    /// The first transaction that had not begun.
    pub xmax: u64,
    /// The running transactions in between, in ascending order.
    pub running: Vec<u64>,
}

impl Token {
    /// Whether it is still good at `now`. The clock may have been set back since, by a lease at most.
    pub fn is_honoured_at(&self, now: i64) -> bool {
        (-self.lease..=self.lease * HONOURED_LEASES).contains(&now.saturating_sub(self.issued_at))
    }

    /// Its age at `now` in microseconds, between 0 and the time that it is good for.
    pub fn age_at(&self, now: i64) -> i64 {
        now.saturating_sub(self.issued_at).clamp(0, self.lease * HONOURED_LEASES)
    }

    /// The text for `key`.
    pub fn encode(&self, key: &str, secret: &Secret) -> String {
        let mut bytes = vec![FORMAT];
        bytes.extend(secret.number(key.as_bytes()).to_le_bytes());
        bytes.extend(self.issued_at.to_le_bytes());
        bytes.extend(self.lease.to_le_bytes());
        bytes.extend(self.lease_id.to_le_bytes());
        bytes.extend(self.server_run.to_le_bytes());
        bytes.extend(self.xmin.to_le_bytes());
        put_varint(&mut bytes, self.xmax - self.xmin);
        let mut last = self.xmin;
        for &version in &self.running {
            put_varint(&mut bytes, version - last);
            last = version;
        }
        bytes.extend(secret.tag(&bytes));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads the text of a token for `key`.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn decode(text: &str, key: &str, secret: &Secret) -> Result<Self, TokenError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenError::Malformed)?;
        let (bytes, tag) = bytes.split_last_chunk().ok_or(TokenError::Malformed)?;
        if !secret.vouches_for(bytes, *tag) {
            return Err(TokenError::Malformed);
        }
        let Some((&[FORMAT], mut rest)) = bytes.split_first_chunk() else {
            return Err(TokenError::Malformed);
        };
        if take(&mut rest)? != secret.number(key.as_bytes()).to_le_bytes() {
            return Err(TokenError::OtherKey);
        }
        let issued_at = i64::from_le_bytes(take(&mut rest)?);
        let lease = i64::from_le_bytes(take(&mut rest)?);
        if !LEASES.contains(&lease) {
            return Err(TokenError::Malformed);
        }
        let lease_id = i64::from_le_bytes(take(&mut rest)?);
        let server_run = u64::from_le_bytes(take(&mut rest)?);
        let xmin = u64::from_le_bytes(take(&mut rest)?);
        let xmax = xmin.checked_add(take_varint(&mut rest)?).ok_or(TokenError::Malformed)?;
        let mut running = Vec::new();
        let mut last = xmin;
        while !rest.is_empty() {
            last = last.checked_add(take_varint(&mut rest)?).ok_or(TokenError::Malformed)?;
            running.push(last);
        }
        Ok(Self { issued_at, lease, lease_id, server_run, xmin, xmax, running })
    }
}

/// A hash of a key that is the same on every machine: FNV-1a, 64 bits.
pub fn hash(key: &str) -> u64 {
    key.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], TokenError> {
    let (taken, left) = rest.split_first_chunk().ok_or(TokenError::Malformed)?;
    *rest = left;
    Ok(*taken)
}

fn put_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take_varint(rest: &mut &[u8]) -> Result<u64, TokenError> {
    let mut number = 0_u64;
    for shift in (0..u64::BITS).step_by(7) {
        let [byte] = take(rest)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(TokenError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn secret() -> Secret {
        Secret::derive(&[7; 32], "tokens")
    }

    fn token() -> impl Strategy<Value = Token> {
        let numbers = prop::collection::vec(0..=u64::MAX / 2, 0..50);
        let words = (any::<i64>(), LEASES, any::<i64>(), any::<u64>());
        (words, numbers).prop_map(|((issued_at, lease, lease_id, server_run), mut running)| {
            running.sort_unstable();
            let xmin = running.first().copied().unwrap_or(700);
            let xmax = running.last().copied().unwrap_or(700) + 1;
            Token { issued_at, lease, lease_id, server_run, xmin, xmax, running }
        })
    }

    #[test]
    fn a_token_is_good_for_two_leases_and_for_a_clock_that_was_set_back() {
        let token = Token { issued_at: 1000, lease: 10, lease_id: 0, server_run: 0, xmin: 3, xmax: 3, running: vec![] };
        for (now, honoured, age) in [
            (i64::MIN, false, 0),
            (989, false, 0),
            (990, true, 0),
            (1000, true, 0),
            (1015, true, 15),
            (1020, true, 20),
            (1021, false, 20),
            (i64::MAX, false, 20),
        ] {
            assert_eq!((token.is_honoured_at(now), token.age_at(now)), (honoured, age), "{now}");
        }
    }

    proptest! {
        #[test]
        fn a_token_is_read_back(token in token(), key in "\\PC{1,50}") {
            prop_assert_eq!(Token::decode(&token.encode(&key, &secret()), &key, &secret()), Ok(token));
        }

        #[test]
        fn a_token_is_of_no_use_for_another_key(token in token(), key in "[a-z]{1,8}", other in "[a-z]{1,8}") {
            prop_assume!(key != other);
            prop_assert_eq!(Token::decode(&token.encode(&key, &secret()), &other, &secret()), Err(TokenError::OtherKey));
        }

        #[test]
        fn a_damaged_token_is_malformed(token in token(), at: prop::sample::Index, with in "[A-Za-z0-9_-]") {
            let text = token.encode("key", &secret());
            let at = at.index(text.len());
            let damaged = format!("{}{with}{}", &text[..at], &text[at + 1..]);
            prop_assume!(damaged != text);
            prop_assert_eq!(Token::decode(&damaged, "key", &secret()), Err(TokenError::Malformed));
            prop_assert_eq!(Token::decode(&text[..at], "key", &secret()), Err(TokenError::Malformed));
        }

        #[test]
        fn a_token_that_somebody_else_made_is_malformed(token in token(), seed: [u8; 32]) {
            let forged = token.encode("key", &Secret::derive(&seed, "tokens"));
            prop_assert_eq!(Token::decode(&forged, "key", &secret()), Err(TokenError::Malformed));
        }

        #[test]
        fn a_lease_that_no_setting_allows_is_malformed(token in token(), lease: i64) {
            prop_assume!(!LEASES.contains(&lease));
            let text = Token { lease, ..token }.encode("key", &secret());
            prop_assert_eq!(Token::decode(&text, "key", &secret()), Err(TokenError::Malformed));
        }

        #[test]
        fn the_age_of_a_token_is_within_the_time_that_it_is_good_for(token in token(), now: i64) {
            prop_assert!((0..=2 * token.lease).contains(&token.age_at(now)));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,100}") {
            let _ = Token::decode(&text, "key", &secret());
        }
    }
}
