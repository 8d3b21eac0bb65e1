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

/// A set of keys, as a condition on the byte order of keys: `from <= key < before`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    /// The lower bound, inclusive.
    pub from: String,
    /// The upper bound, exclusive.
    pub before: String,
    /// Whether only keys of the namespace `''` belong to it: without a `:`, or with one at the start. They lie all over
    /// the index.
    pub unnamed: bool,
}

impl KeyRange {
    /// The keys of a namespace, or of all, that begin with a prefix. Any text may be a prefix.
    pub fn of(namespace: Option<Namespace>, prefix: Option<&str>) -> Self {
        let prefix = prefix.unwrap_or_default();
        // This text is longer than any key and consists of the greatest character, so it comes after every key that
        // begins with the prefix.
        let before = format!("{prefix}{}", char::MAX.to_string().repeat(MAX_KEY_BYTES / 4 + 1));
        let unnamed = namespace == Some(Namespace::UNNAMED);
        let all = Self { from: prefix.into(), before, unnamed };
        match namespace {
            Some(Namespace(name)) if !unnamed => Self {
                from: all.from.max(format!("{name}{SEPARATOR}")),
                before: all.before.min(format!("{name}{AFTER_SEPARATOR}")),
                unnamed,
            },
            _ => all,
        }
    }

    /// Whether a key belongs to it.
    pub fn contains(&self, key: Key) -> bool {
        (self.from.as_str()..self.before.as_str()).contains(&key.as_str())
            && (!self.unnamed || key.namespace() == Namespace::UNNAMED)
    }
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

    /// The text of a key of this namespace: `text` if it already is one, else `text` behind the name and the `:`.
    pub fn key_text(self, text: &str) -> String {
        let is_whole = text.split_once(SEPARATOR).is_some_and(|(name, _)| name == self.0);
        match self {
            Self::UNNAMED => text.into(),
            _ if is_whole => text.into(),
            Self(name) => format!("{name}{SEPARATOR}{text}"),
        }
    }

    /// The namespace of all keys that begin with a prefix. None: they can belong to several.
    pub fn of_prefix(prefix: &'a str) -> Option<Self> {
        prefix.split_once(SEPARATOR).and_then(|(name, _)| Self::parse(name).ok())
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
    fn a_key_may_be_given_with_or_without_its_namespace() {
        let tenant = Namespace::parse("tenant").unwrap();
        assert_eq!(tenant.key_text("burger-palace"), "tenant:burger-palace");
        assert_eq!(tenant.key_text("tenant:burger-palace"), "tenant:burger-palace");
        assert_eq!(tenant.key_text("tenant"), "tenant:tenant");
        assert_eq!(tenant.key_text("tenants:1"), "tenant:tenants:1");
        assert_eq!(Namespace::UNNAMED.key_text("a"), "a");
        assert_eq!(Namespace::UNNAMED.key_text("a:b"), "a:b");
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
                prop_assert_eq!(KeyRange::of(Some(namespace), None).contains(key), key.namespace() == namespace);
            }
        }

        #[test]
        fn a_prefix_selects_the_keys_that_begin_with_it(
            key in "[ab:]{1,6}|[ab:]{500,512}|[a:\\x{10ffff}]{1,4}", prefix in "[ab:]{0,4}|\\PC{0,3}", name in "[ab]{0,2}"
        ) {
            let key = Key::parse(&key).unwrap();
            let begins = key.as_str().starts_with(&prefix);
            prop_assert_eq!(KeyRange::of(None, Some(&prefix)).contains(key), begins);
            let namespace = Namespace::parse(&name).unwrap();
            let both = begins && key.namespace() == namespace;
            prop_assert_eq!(KeyRange::of(Some(namespace), Some(&prefix)).contains(key), both);
            if begins && let Some(namespace) = Namespace::of_prefix(&prefix) {
                prop_assert_eq!(key.namespace(), namespace);
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
