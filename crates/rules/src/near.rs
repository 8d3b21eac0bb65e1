//! Owns the messages of a transaction to near caches, the small caches that applications keep in their own memory.
//!
//! It sends each key and tag once, and where there are many keys, their namespace instead. Must never leave out a
//! change: an unnecessary message costs a near cache one lookup, a missing one a stale value.

use crate::key::Key;
use std::collections::{BTreeMap, BTreeSet};

/// How many keys of a namespace, and how many tags, are sent one by one. Each message is written, sent and read.
pub const MOST: usize = 100;

/// An invalidation for near caches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Message {
    /// An entry.
    Key(String),
    /// All entries of a namespace.
    Namespace(String),
    /// All entries that carry a tag.
    Tag(String),
}

/// The changes of a transaction in the namespaces that have near caches.
#[derive(Debug, Default)]
pub struct Changes {
    namespaces: BTreeMap<String, Few>,
    tags: Few,
}

/// Up to [`MOST`] texts, or the fact that there are more.
#[derive(Debug)]
enum Few {
    These(BTreeSet<String>),
    TooMany,
}

impl Default for Few {
    fn default() -> Self {
        Self::These(BTreeSet::new())
    }
}

impl Few {
    fn add(&mut self, text: &str) {
        let Self::These(texts) = self else { return };
        if texts.contains(text) {
            return;
        }
        if texts.len() == MOST {
            *self = Self::TooMany;
        } else {
            texts.insert(text.to_owned());
        }
    }
}

impl Changes {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.namespaces.is_empty() && matches!(&self.tags, Few::These(tags) if tags.is_empty())
    }

    /// An entry has changed.
    pub fn key(&mut self, key: Key) {
        self.of(key.namespace().as_str()).add(key.as_str());
    }

    /// All entries of a namespace may have changed.
    pub fn namespace(&mut self, name: &str) {
        *self.of(name) = Few::TooMany;
    }

    fn of(&mut self, name: &str) -> &mut Few {
        self.namespaces.entry(name.to_owned()).or_default()
    }

    /// All entries that carry a tag have changed.
    pub fn tag(&mut self, tag: &str) {
        self.tags.add(tag);
    }

    /// The messages to send. Too many tags become a message for each of the `listening` namespaces.
    pub fn messages<'a>(mut self, listening: impl IntoIterator<Item = &'a str>) -> Vec<Message> {
        let tags = match std::mem::take(&mut self.tags) {
            Few::These(tags) => tags,
            Few::TooMany => {
                listening.into_iter().for_each(|name| self.namespace(name));
                BTreeSet::new()
            }
        };
        let mut messages = Vec::new();
        for (name, keys) in self.namespaces {
            match keys {
                Few::These(keys) => messages.extend(keys.into_iter().map(Message::Key)),
                Few::TooMany => messages.push(Message::Namespace(name)),
            }
        }
        messages.extend(tags.into_iter().map(Message::Tag));
        messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn changes(keys: &[String]) -> Changes {
        let mut changes = Changes::default();
        keys.iter().for_each(|key| changes.key(Key::parse(key).unwrap()));
        changes
    }

    fn keys(namespace: &str, count: usize) -> Vec<String> {
        (0..count).map(|number| format!("{namespace}:{number:03}")).collect()
    }

    #[test]
    fn each_key_is_told_once() {
        let twice = [keys("a", 2), keys("b", 1), keys("a", 2)].concat();
        let told = ["a:000", "a:001", "b:000"].map(|key| Message::Key(key.into()));
        assert_eq!(changes(&twice).messages([]), told);
    }

    #[test]
    fn the_namespace_is_told_where_its_keys_are_many() {
        assert_eq!(changes(&keys("a", MOST)).messages([]).len(), MOST);
        let mut many = changes(&[keys("a", MOST + 1), keys("b", 1)].concat());
        many.key(Key::parse("a:one more").unwrap());
        assert_eq!(many.messages([]), [Message::Namespace("a".into()), Message::Key("b:000".into())]);
    }

    #[test]
    fn a_namespace_that_is_told_covers_its_keys() {
        let mut changes = changes(&keys("a", 3));
        changes.namespace("a");
        changes.namespace("");
        let told = [Message::Namespace("".into()), Message::Namespace("a".into())];
        assert_eq!(changes.messages([]), told);
    }

    #[test]
    fn too_many_tags_concern_whoever_listens() {
        let mut changes = changes(&keys("a", 1));
        (0..MOST).for_each(|number| changes.tag(&number.to_string()));
        changes.tag("0");
        assert!(!changes.is_empty());
        let few = changes.messages(["a", "b"]);
        assert_eq!(few.len(), MOST + 1);
        let mut changes = Changes::default();
        (0..=MOST).for_each(|number| changes.tag(&number.to_string()));
        let told = [Message::Namespace("a".into()), Message::Namespace("b".into())];
        assert_eq!(changes.messages(["a", "b"]), told);
    }

    #[test]
    fn nothing_is_empty() {
        assert!(Changes::default().is_empty());
        assert!(Changes::default().messages(["a"]).is_empty());
        let mut changes = Changes::default();
        changes.tag("t");
        assert!(!changes.is_empty());
    }

    proptest! {
        #[test]
        fn every_change_is_covered_by_a_message(
            numbers in proptest::collection::vec((0..3_u8, 0..150_u8), 0..400),
        ) {
            let all: Vec<String> = numbers.iter().map(|(space, number)| format!("{space}:{number}")).collect();
            let messages = changes(&all).messages([]);
            for key in &all {
                let namespace = Key::parse(key).unwrap().namespace().as_str().to_owned();
                let covered = messages.contains(&Message::Key(key.clone()))
                    || messages.contains(&Message::Namespace(namespace));
                prop_assert!(covered);
            }
            prop_assert!(messages.len() <= 3 * MOST);
        }
    }
}
