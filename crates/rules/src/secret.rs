//! Owns the keyed hash (SipHash-2-4 with 128 bits) that authenticates tokens and numbers locks.
//!
//! Must never show the secret: neither by `Debug` nor in an error. The caller provides the secret.

use siphasher::sip128::SipHasher24;
use std::fmt;

/// The bytes of a secret.
pub const BYTES: usize = 16;

/// A secret that only the server knows.
#[derive(Clone, Copy)]
pub struct Secret([u8; BYTES]);

impl Secret {
    /// The secret for one purpose: secrets for two purposes reveal nothing about each other. The first 16 bytes of the
    /// seed must be random and secret.
    pub fn derive(seed: &[u8], purpose: &str) -> Self {
        let mut key = [0; BYTES];
        let length = seed.len().min(BYTES);
        key[..length].copy_from_slice(&seed[..length]);
        let mut message = purpose.as_bytes().to_vec();
        // No purpose ends in a zero byte, so two pairs never give the same message.
        message.push(0);
        message.extend(&seed[length..]);
        Self(Self(key).tag(&message))
    }

    /// The tag of `message`, which only the holder of the secret can compute.
    pub fn tag(&self, message: &[u8]) -> [u8; BYTES] {
        SipHasher24::new_with_key(&self.0).hash(message).as_bytes()
    }

    /// Whether `tag` is the tag of `message`. The time it takes does not depend on how nearly right the tag is.
    pub fn vouches_for(&self, message: &[u8], tag: [u8; BYTES]) -> bool {
        // The hashes are compared in constant time.
        SipHasher24::new_with_key(&self.0).hash(message) == u128::from_le_bytes(tag).into()
    }

    /// A number for `message` that tells nothing about it.
    pub fn number(&self, message: &[u8]) -> u64 {
        SipHasher24::new_with_key(&self.0).hash(message).h1
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_hash_is_siphash_2_4_as_published() {
        // The first and the last vector of the reference implementation, for a message of 0 and of 15 bytes.
        let secret = Secret(std::array::from_fn(|i| i as u8));
        let message: Vec<u8> = (0..15).collect();
        assert_eq!(hex(secret.tag(&[])), "a3817f04ba25a8e66df67214c7550293");
        assert_eq!(hex(secret.tag(&message)), "5493e99933b0a8117e08ec0f97cfc3d9");
    }

    fn hex(bytes: [u8; BYTES]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret([7; BYTES])), "Secret");
    }

    proptest! {
        #[test]
        fn a_tag_is_good_for_its_message_and_its_secret_alone(seed: [u8; 32], other: [u8; 32], message: Vec<u8>, bit in 0..128_u32) {
            let secret = Secret::derive(&seed, "a");
            let tag = secret.tag(&message);
            prop_assert!(secret.vouches_for(&message, tag));
            let damaged = (u128::from_le_bytes(tag) ^ 1 << bit).to_le_bytes();
            prop_assert!(!secret.vouches_for(&message, damaged));
            prop_assert!(!secret.vouches_for(&[&message, &b"!"[..]].concat(), tag));
            prop_assert!(!Secret::derive(&seed, "b").vouches_for(&message, tag));
            prop_assume!(seed != other);
            prop_assert!(!Secret::derive(&other, "a").vouches_for(&message, tag));
        }
    }
}
