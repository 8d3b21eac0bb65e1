//! Owns the one definition of a valid key.
//!
//! Must never cut, fold or repair one: two keys that differ in a byte are two keys, and an invalid key is refused.

/// The longest key, in bytes of UTF-8. Each index entry holds a key, and a page of the index should hold dozens of
/// them.
pub const MAX_KEY_BYTES: usize = 512;

/// Why a text is not a valid key. A tag follows the same rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The empty text.
    #[error("it is empty")]
    Empty,
    /// Longer than [`MAX_KEY_BYTES`].
    #[error("it is {bytes} bytes long, but the limit is {MAX_KEY_BYTES}")]
    TooLong {
        /// How long it is, in bytes of UTF-8.
        bytes: usize,
    },
    /// A character of the Unicode categories Cc (C0, DEL, C1).
    #[error("it contains the control character U+{code:04X} at byte {offset}")]
    Control {
        /// The code point.
        code: u32,
        /// Where it stands, in bytes from the start.
        offset: usize,
    },
    /// White space at the start or at the end, where nobody would see it.
    #[error("it starts or ends with white space")]
    OuterSpace,
}

/// A valid key: 1 to [`MAX_KEY_BYTES`] bytes of UTF-8, no control characters, no white space at either end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key<'a>(&'a str);

impl<'a> Key<'a> {
    /// Parses a key.
    ///
    /// # Errors
    /// The first [`KeyError`] that applies.
    pub fn parse(text: &'a str) -> Result<Self, KeyError> {
        if text.is_empty() {
            return Err(KeyError::Empty);
        }
        if text.len() > MAX_KEY_BYTES {
            return Err(KeyError::TooLong { bytes: text.len() });
        }
        check_characters(text)?;
        Ok(Self(text))
    }

    /// The key as it was given.
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

/// Control characters anywhere, or white space at either end.
pub(crate) fn check_characters(text: &str) -> Result<(), KeyError> {
    // Nearly every key is plain ASCII: one pass over the bytes suffices for those.
    let plain = text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if !plain && let Some((offset, found)) = text.char_indices().find(|(_, found)| found.is_control()) {
        return Err(KeyError::Control { code: u32::from(found), offset });
    }
    if text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace) {
        return Err(KeyError::OuterSpace);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ordinary_keys_are_taken_as_they_are() {
        for text in ["a", "tenant:burger-palace", ":", "a b", "ключ", "🍔:1", &"x".repeat(MAX_KEY_BYTES)] {
            assert_eq!(Key::parse(text).map(Key::as_str), Ok(text));
        }
    }

    #[test]
    fn each_kind_of_bad_key_has_its_reason() {
        let control = |code, offset| Err(KeyError::Control { code, offset });
        assert_eq!(Key::parse(""), Err(KeyError::Empty));
        assert_eq!(Key::parse(&"x".repeat(513)), Err(KeyError::TooLong { bytes: 513 }));
        assert_eq!(Key::parse(&"é".repeat(257)), Err(KeyError::TooLong { bytes: 514 }));
        assert_eq!(Key::parse("a\tb"), control(9, 1));
        assert_eq!(Key::parse("a\u{7f}"), control(0x7f, 1));
        assert_eq!(Key::parse("é\u{85}"), control(0x85, 2));
        for text in [" a", "a ", "\u{a0}a", "a\u{3000}"] {
            assert_eq!(Key::parse(text), Err(KeyError::OuterSpace), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_key_is_exactly_what_the_contract_says(text in "\\PC{0,40}|[ -~]{505,520}|\\s?[a-z:]{1,9}\\s?|.{0,20}") {
            let valid = (1..=MAX_KEY_BYTES).contains(&text.len())
                && !text.chars().any(char::is_control)
                && text.trim() == text;
            prop_assert_eq!(Key::parse(&text).is_ok(), valid);
        }
    }
}
