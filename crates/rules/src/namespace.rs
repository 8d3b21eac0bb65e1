//! Owns the rule for namespaces, "the part before the first `:`", and the key range that follows from it.
//!
//! Must never match by pattern: a `%` or `_` in a namespace is a character like any other.

use crate::key::{Key, KeyError, MAX_KEY_BYTES, check_characters};

/// Separates the namespace from the rest of a key.
const SEPARATOR: char = ':';
/// The character after [`SEPARATOR`] in byte order: the open end of the range of keys that start with `name:`.
const AFTER_SEPARATOR: char = ';';

/// Why a text is not a namespace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NamespaceError {
    /// It contains a `:`, so it would end before that.
    #[error("it contains \":\", which ends a namespace")]
    Separator,
    /// No key could have it.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// A valid namespace: `''`, or the part of some valid key before its first `:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace<'a>(&'a str);

/// The keys of a namespace, as a condition on the byte order of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyRange {
    /// `from <= key < before`: one stretch of the index.
    Between {
        /// The lower bound, inclusive.
        from: String,
        /// The upper bound, exclusive.
        before: String,
    },
    /// Keys without a `:`, or with one at the start: they lie all over the index.
    Unnamed,
}

impl<'a> Namespace<'a> {
    /// The namespace of keys without one.
    pub const UNNAMED: Namespace<'static> = Namespace("");

    /// Parses the name of a namespace; `''` is one.
    ///
    /// # Errors
    /// [`NamespaceError`] when no valid key could belong to it.
    pub fn parse(text: &'a str) -> Result<Self, NamespaceError> {
        if text.contains(SEPARATOR) {
            return Err(NamespaceError::Separator);
        }
        if text.len() >= MAX_KEY_BYTES {
            return Err(KeyError::TooLong { bytes: text.len() + SEPARATOR.len_utf8() }.into());
        }
        // A space before the ":" is inside the key: the last character may be one, but no control character.
        check_characters(text.trim_end_matches(|c: char| c.is_whitespace() && !c.is_control()))?;
        Ok(Self(text))
    }

    /// The name, without the `:`.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// The keys that belong to it.
    pub fn keys(self) -> KeyRange {
        if self.0.is_empty() {
            return KeyRange::Unnamed;
        }
        KeyRange::Between { from: format!("{}{SEPARATOR}", self.0), before: format!("{}{AFTER_SEPARATOR}", self.0) }
    }
}

impl<'a> Key<'a> {
    /// The part before the first `:`, or `''` where there is none.
    pub fn namespace(self) -> Namespace<'a> {
        Namespace(self.as_str().split_once(SEPARATOR).map_or("", |(name, _)| name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn namespace_of(key: &str) -> &str {
        Key::parse(key).unwrap().namespace().as_str()
    }

    #[test]
    fn the_namespace_ends_at_the_first_colon() {
        assert_eq!(namespace_of("tenant:burger-palace"), "tenant");
        assert_eq!(namespace_of("tenant:a:b"), "tenant");
        assert_eq!(namespace_of("tenant:"), "tenant");
        assert_eq!(namespace_of("tenant"), "");
        assert_eq!(namespace_of(":a"), "");
    }

    #[test]
    fn names_that_no_key_could_have_are_refused() {
        assert_eq!(Namespace::parse("a:b"), Err(NamespaceError::Separator));
        assert_eq!(Namespace::parse(" a"), Err(KeyError::OuterSpace.into()));
        assert_eq!(Namespace::parse("a\n"), Err(KeyError::Control { code: 10, offset: 1 }.into()));
        assert!(matches!(Namespace::parse(&"n".repeat(512)), Err(NamespaceError::Key(KeyError::TooLong { .. }))));
        assert!(Namespace::parse(&"n".repeat(511)).is_ok());
        assert_eq!(Namespace::parse(""), Ok(Namespace::UNNAMED));
    }

    proptest! {
        #[test]
        fn the_range_holds_exactly_the_keys_of_the_namespace(
            name in "[a-c:;%_ ]{1,3}",
            key in "[a-c:;%_ ]{1,6}",
        ) {
            prop_assume!(Key::parse(&key).is_ok());
            let key = Key::parse(&key).unwrap();
            if let Ok(namespace) = Namespace::parse(&name) {
                let KeyRange::Between { from, before } = namespace.keys() else { unreachable!() };
                let inside = (from.as_str()..before.as_str()).contains(&key.as_str());
                prop_assert_eq!(inside, key.namespace() == namespace);
            }
        }

        #[test]
        fn the_namespace_of_a_key_is_a_namespace(key in "\\PC{1,30}") {
            prop_assume!(Key::parse(&key).is_ok());
            let namespace = Key::parse(&key).unwrap().namespace();
            prop_assert_eq!(Namespace::parse(namespace.as_str()), Ok(namespace));
        }
    }
}
