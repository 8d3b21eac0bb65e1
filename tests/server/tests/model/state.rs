//! What the cache should hold, as far as can be known from outside.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use serde_json::Value;

/// When something happened, in microseconds since 1970: not before `from`, not after `to`.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub from: i64,
    pub to: i64,
}

impl Window {
    /// The same, `micros` later.
    pub fn later(self, micros: i64) -> Self {
        Self { from: self.from + micros, to: self.to + micros }
    }

    /// One or the other.
    pub fn or(self, other: Self) -> Self {
        Self { from: self.from.min(other.from), to: self.to.max(other.to) }
    }

    pub fn contains(self, moment: i64) -> bool {
        (self.from..=self.to).contains(&moment)
    }
}

/// The value of an entry.
#[derive(Clone, Debug, PartialEq)]
pub enum Stored {
    Json(Value),
    /// Bytes, which are UTF-8 here.
    Bytes(&'static str),
}

impl Stored {
    /// Whether `found` is what a function for JSON, or for bytes, returns of it. Of JSON the latter returns the text.
    pub fn is(&self, found: &Value, as_bytes: bool) -> bool {
        match self {
            Self::Json(value) if !as_bytes => value == found,
            Self::Json(value) => {
                found.as_str().and_then(|text| serde_json::from_str(text).ok()).as_ref() == Some(value)
            }
            Self::Bytes(text) => as_bytes && found == text,
        }
    }

    /// The owner, if it can be a lock.
    pub fn owner(&self) -> Option<&str> {
        match self {
            Self::Json(value) => value.as_str(),
            Self::Bytes(_) => None,
        }
    }

    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Json(value) => value.as_i64(),
            Self::Bytes(_) => None,
        }
    }
}

/// An entry that was written and neither deleted nor replaced. It may have expired.
#[derive(Clone, Debug)]
pub struct Entry {
    pub value: Stored,
    pub tags: Option<Vec<String>>,
    /// The transaction that wrote the value.
    pub version: String,
    pub created: Window,
    pub updated: Window,
    pub deadline: Window,
}

/// Whether an entry is live when something is done with it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Life {
    Live,
    Dead,
    /// Its deadline comes while the statement runs.
    Either,
}

impl Life {
    /// Returns `found`, whether something shows that the entry is live, unless it cannot be so.
    pub fn agrees(self, found: bool) -> Result<bool> {
        ensure!(self == Self::Either || found == (self == Self::Live), "the entry is {self:?}");
        Ok(found)
    }
}

/// By key, in byte order.
#[derive(Clone, Debug, Default)]
pub struct State(BTreeMap<String, Entry>);

impl State {
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.0.get(key)
    }

    pub fn entry_mut(&mut self, key: &str) -> Option<&mut Entry> {
        self.0.get_mut(key)
    }

    pub fn life(&self, key: &str, window: Window) -> Life {
        match self.entry(key) {
            Some(entry) if entry.deadline.from > window.to => Life::Live,
            Some(entry) if entry.deadline.to > window.from => Life::Either,
            _ => Life::Dead,
        }
    }

    pub fn put(&mut self, key: &str, entry: Entry) {
        self.0.insert(key.to_owned(), entry);
    }

    /// Writes an entry, which keeps `created` of the one that it replaces, if that is live.
    pub fn replace(&mut self, key: &str, mut entry: Entry, replaced: Life) {
        if let Some(old) = self.entry(key) {
            entry.created = match replaced {
                Life::Live => old.created,
                Life::Dead => entry.created,
                Life::Either => old.created.or(entry.created),
            };
        }
        self.put(key, entry);
    }

    pub fn delete(&mut self, key: &str) {
        self.0.remove(key);
    }

    /// The keys that are live, or may be, in byte order.
    pub fn live(&self, window: Window) -> Vec<(String, Life)> {
        let with_life = self.0.keys().map(|key| (key.clone(), self.life(key, window)));
        with_life.filter(|(_, life)| *life != Life::Dead).collect()
    }

    /// Compares up to `most` keys, and values where they were asked for, with those that are wanted, in order.
    pub fn lists(
        &self,
        wanted: impl Iterator<Item = (String, Life)>,
        found: Vec<(&str, Option<&Value>)>,
        as_bytes: bool,
        most: usize,
    ) -> Result<()> {
        let mut next = 0;
        for (key, life) in wanted {
            if next == most {
                break;
            }
            match found.get(next) {
                Some((found, value)) if *found == key => {
                    let right = self.entry(&key).map(|entry| &entry.value);
                    let is_right = |value: &Value| right.is_some_and(|right| right.is(value, as_bytes));
                    ensure!(value.is_none_or(is_right), "{key} is {right:?}");
                    next += 1;
                }
                _ => ensure!(life == Life::Either, "{key} is missing"),
            }
        }
        ensure!(next == found.len(), "{:?} should not be there", &found[next..]);
        Ok(())
    }
}

/// What stands before the first `:`.
pub fn namespace(key: &str) -> &str {
    key.split_once(':').map_or("", |(name, _)| name)
}
